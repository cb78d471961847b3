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
    """One step: in later ones rounding grows, since a hardest pair may become another."""
    environment = {**os.environ, "PYTHONPATH": str(Path(tests.__file__).parents[1])}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, command in (("one.pt", [sys.executable]), ("two.pt", launcher)):
        subprocess.run([*command, str(SCRIPT), str(tmp_path / name)], check=True, env=environment)
    one, two = (torch.load(tmp_path / name) for name in ("one.pt", "two.pt"))
    assert (one["processes"], two["processes"]) == (1, 2)
    for name, value in one["weights"].items():
        torch.testing.assert_close(
            two["weights"][name], value, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )
