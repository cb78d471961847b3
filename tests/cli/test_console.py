import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from resight.cli import console


def test_a_table_has_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["name", "count"], [["[b]a", 1234], ["bc", 5]])
    assert capsys.readouterr().out.splitlines() == ["name  count", "[b]a  1,234", "bc        5"]


def test_a_row_stays_one_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    console.print_table(["name"], [["word " * 20]])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_json_knows_paths(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"path": Path("a/b")})
    assert json.loads(capsys.readouterr().out) == {"path": "a/b"}


def test_other_ranks_are_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "1")
    console.note("hello")
    assert console.bars().disable
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    console.note("hello")
    assert capsys.readouterr().err == "hello\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    monkeypatch.delenv("RANK", raising=False)
    text = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=text, force_terminal=is_terminal))
    with console.progress_bar("counting") as progress:
        progress(1, 2)
    assert ("counting" in text.getvalue()) == is_terminal
