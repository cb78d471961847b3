"""Several processes: shared batch norms, targets and queues that stay the same everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from tests.pretrain.several import joined, stepped

METHODS = ("dino", "mocov2", "mocov3", "moby")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, torch.Tensor]]]:
    folder = tmp_path_factory.mktemp("several")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--standalone"]
    finished = subprocess.run(
        [*command, "-m", "tests.pretrain.several", str(folder), *METHODS],
        cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-3000:]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.slow
def test_batch_norm_of_both_is_that_of_one_with_all_images(results: list[dict[str, dict[str, torch.Tensor]]]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    output = net(torch.randn(6, 3, 5, 4))
    output.square().sum().backward()
    assert_close(torch.cat([result["norm"]["output"] for result in results]), output.detach(), rtol=1e-4, atol=1e-5)
    for result in results:
        assert_close(result["norm"]["gradient"], net[0].weight.grad, rtol=1e-3, atol=1e-4)
        assert_close(result["norm"]["mean"], net[1].running_mean)
        assert_close(result["norm"]["var"], net[1].running_var, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_processes_hold_the_same(results: list[dict[str, dict[str, torch.Tensor]]], method: str) -> None:
    first, second = (result[method] for result in results)
    for name in first:
        if "running" in name and method == "mocov2":
            continue  # batch norms by process
        assert torch.equal(first[name], second[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_train_as_one_with_the_joined_batch(
    results: list[dict[str, dict[str, torch.Tensor]]], method: str
) -> None:
    """Center, negatives of the other process, order of the queue, batch norms: all as if nothing were parted."""
    alone = stepped(method, seed=0, batches=[joined(method, number, range(2)) for number in range(3)])
    for result in results:
        for name, value in result[f"{method} stepped"].items():
            assert_close(value, alone[name], rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
