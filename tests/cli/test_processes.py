"""Commands under torchrun: two processes with gloo do what one does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def torchrun(*arguments: object) -> str:
    """What two processes print."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "resight.cli.main", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_two_processes_embed_and_evaluate_as_one(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    alone = run("embed", trained, tiny_csv, "-o", tmp_path / "one.npy", "--batch-size", 5, "--json")
    together = json.loads(torchrun("embed", trained, tiny_csv, "-o", tmp_path / "two.npy", "--batch-size", 5, "--json"))
    assert together["count"] == alone.json["count"]
    assert np.array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy"))
    assert (
        json.loads(torchrun("evaluate", trained, tiny_csv, "--json"))
        == run("evaluate", trained, tiny_csv, "--json").json
    )
