import io

import pytest
from rich.console import Console

from resight.cli import console, listen

ROW = {"epoch": 1, "loss": 1.25, "accuracy": 0.5, "mean_ap": 0.25, "images_per_second": 99.6}


def test_a_log_gets_a_line_for_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    with listen.training_display(3, "mine") as listener:
        listener.on_stage("training")
        listener.on_step(0, 1, 2, 1.5)
        listener.on_embed(1, 2)
        listener.on_row(ROW)
    expected = "mine: epoch 1/3, loss 1.250, accuracy 50.0%, mAP 25.0%, 100 images/s\n"
    assert capsys.readouterr().err == expected


def test_a_terminal_gets_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    text = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=text, force_terminal=True, width=120))
    with listen.training_display(3, "mine") as listener:
        listener.on_step(0, 1, 2, 1.5)
        listener.on_row(ROW)
    assert "mine  loss 1.500" in text.getvalue()
    assert "epoch 1/3" not in text.getvalue()
