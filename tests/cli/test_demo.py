import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.recipes.test_ablation import TINY


def test_demo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["demo", "-o", tmp_path / "demo", "--train-ids", 16, "--test-ids", 2, *TINY]
    result = run(*arguments)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split()[:2] == ["mAP", "Rank-1"]
    assert [line.split("  ")[0] for line in lines[1:5]] == ["baseline", "+ JPM", "+ SIE", "TransReID"]
    assert lines[5].startswith("mAP of a random order (chance): ")
    assert f"page: {tmp_path / 'demo' / 'index.html'}" in result.err

    monkeypatch.setitem(sys.modules, "jinja2", None)
    again = run(*arguments, "--json")
    assert again.code == 0
    assert again.json["page"] is None
    assert list(again.json["rows"]) == ["baseline", "+ JPM", "+ SIE", "TransReID"]
    assert "no page: " in again.err
    assert "epoch" not in again.err, "a finished row is not trained again"


def test_too_few_people(run: Run, tmp_path: Path) -> None:
    assert run("demo", "-o", tmp_path / "demo", "--train-ids", 3).code == 2
