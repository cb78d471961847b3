"""Trains the toy model for one step on a whole batch, or with two processes on a half each; run by a test.

python joined_batch.py OUTPUT.pt            torchrun --nproc-per-node 2 joined_batch.py OUTPUT.pt
"""

import sys

import torch
from accelerate import PartialState

from resight.data.dataset import Batch
from resight.losses import ReIDLoss
from resight.train import SupervisedTask
from tests.train.toy import toy_model, toy_trainer


def share(epoch: int, number: int, rank: int, world: int) -> Batch:
    """The part of a batch of 6 identities with 2 images each that belongs to a process."""
    generator = torch.Generator().manual_seed(100 * epoch + number)
    images = torch.randn(12, 3, 32, 32, generator=generator)
    labels, cameras, unknown = torch.arange(12) // 2, torch.arange(12) % 2, torch.full((12,), -1)
    return Batch(*(column.chunk(world)[rank] for column in (images, labels, cameras, unknown, torch.arange(12))))


def main() -> None:
    state = PartialState(cpu=True)
    model = toy_model(drop_path=0.0)
    task = SupervisedTask(model, ReIDLoss(identity_weight=0, contrastive_weight=0.5), across_ranks=True)

    def batches(epoch: int, start: int) -> list[Batch]:
        return [share(epoch, number, state.process_index, state.num_processes) for number in range(start, 1)]

    toy_trainer(model=model, task=task, batches=batches, epochs=1, optimizer="sgd").fit()
    if state.is_main_process:
        torch.save({"weights": model.encoder.state_dict(), "processes": state.num_processes}, sys.argv[1])


if __name__ == "__main__":
    main()
