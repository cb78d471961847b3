import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import tests
from resight.train.gather import gather_batch

SCRIPT = Path(__file__).with_name("joined_batch.py")


def test_a_process_alone_has_its_own_batch() -> None:
    features, labels = torch.zeros(2, 3, requires_grad=True), torch.tensor([0, 1])
    assert gather_batch(features, labels) == (features, labels)


@pytest.mark.slow
def test_two_processes_that_mine_across_ranks_step_as_one_with_the_joined_batch(tmp_path: Path) -> None:
    """One step: in later ones rounding grows, since a hardest pair may become another. Also in parts, and joined."""
    environment = {**os.environ, "PYTHONPATH": str(Path(tests.__file__).parents[1])}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, command in (("one", [sys.executable, SCRIPT]), ("two", [*launcher, SCRIPT])):
        for parts in (1, 2):
            subprocess.run([*command, tmp_path / f"{name}_{parts}", str(parts)], check=True, env=environment)
    expected = torch.load(tmp_path / "one_1.0")
    assert (expected["processes"], expected["precision"]) == (1, "fp32")
    for file in ("one_2.0", "two_1.0", "two_1.1", "two_2.0", "two_2.1"):
        found = torch.load(tmp_path / file)
        assert found["processes"] == (2 if file.startswith("two") else 1)
        assert found["precision"] == "fp32", "all processes take what suits the slowest"
        for name, value in expected["weights"].items():
            torch.testing.assert_close(
                found["weights"][name],
                value,
                rtol=1e-4,
                atol=1e-6,
                msg=lambda text, where=f"{file} {name}": f"{where}: {text}",
            )
