"""Commands called as from a shell, and a model and data to call them on."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resight.cli.main import main
from resight.data.manifest import Manifest
from resight.recipes import TrainRecipe, update
from resight.recipes.run import train
from tests.recipes.conftest import TINY


@dataclass(frozen=True)
class Result:
    """What a shell sees."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `resight` with these arguments; no traceback may be printed, whatever happens."""
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("FORCE_COLOR", "RESIGHT_DEBUG", "RANK"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["resight", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code: Any = 0
        except SystemExit as leave:
            code = leave.code or 0
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert "\x1b" not in captured.out + captured.err, "colours are for terminals"
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def tiny_csv(tiny_manifest: Manifest) -> Path:
    path = tiny_manifest.root / "tiny.csv"
    tiny_manifest.write(path)
    return path


@pytest.fixture
def overrides() -> list[str]:
    """`TINY` as arguments."""
    pairs = [(section, key, value) for section, values in TINY.items() for key, value in values.items()]
    return [f"{section}.{key}={json.dumps(value)}" for section, key, value in pairs]


@pytest.fixture
def trained(tiny_csv: Path, tmp_path: Path) -> Path:
    """A run folder."""
    changes = {"data": {"source": tiny_csv}, "train": {"epochs": 1}, "model": {"side_information": "camera"}}
    train(update(update(TrainRecipe(), TINY), changes), tmp_path / "trained")
    return tmp_path / "trained"
