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


def test_a_log_gets_the_health_of_a_pre_training(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {"teacher_entropy": 0.61, "center_norm": 2.5, "feature_std": 0.8, "feature_rank": 40.25}
    row = {"epoch": 1, "loss": 9.5, **numbers}
    with listen.training_display(2, "mine") as listener:
        for step in (1, 2):
            listener.on_step(0, step, 4, 9.5)
        listener.on_look({**row, "step": 2, "images_per_second": 7.0})
        listener.on_row({**row, "knn_accuracy": 0.5, "probe_map": 0.25, "images_per_second": 8.0})
    look, end = capsys.readouterr().err.splitlines()
    health = "loss 9.500, teacher entropy 0.610, center norm 2.50, feature std 0.80, rank 40.2, "
    assert look == f"mine: epoch 1/2, batch 2, {health}7 images/s, 0:00 h left"
    assert end == f"mine: epoch 1/2, {health}k-NN 50.0%, probe mAP 25.0%, 8 images/s"


def test_time_that_is_left() -> None:
    moment = listen.time.monotonic() - 600
    assert listen._left((moment, 0.5), 1.5, 10) == ", 1:25 h left"
    assert listen._left((moment, 0.5), 0.5, 10) == ""
