"""Trains the toy model for one step on a whole batch, or with two processes on a part each; run by a test.

python joined_batch.py OUTPUT.pt PARTS            torchrun --nproc-per-node 2 joined_batch.py OUTPUT.pt PARTS

PARTS: into which each process cuts its share, to join them into one loss. Precision is measured; process 0 would take
fp32, process 1 bf16.
"""

import sys
import time

import torch
from accelerate import PartialState
from torch import Tensor, nn

from resight.data.dataset import Batch
from resight.losses import ReIDLoss
from resight.train import SupervisedTask
from tests.train.toy import toy_model, toy_trainer

ROWS = 12


class Uneven(SupervisedTask):
    """Takes longer in bf16 in process 0, and in fp32, though not as long, in process 1."""

    def __init__(self, rank: int) -> None:
        super().__init__(
            toy_model(drop_path=0.0), ReIDLoss(identity_weight=0, contrastive_weight=0.5), across_ranks=True
        )
        self.seconds = {"bf16": 0.4, "fp32": 0.0} if rank == 0 else {"bf16": 0.0, "fp32": 0.1}

    def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        time.sleep(self.seconds["bf16" if torch.is_autocast_enabled("cpu") else "fp32"])
        return super().terms(model, batch)


def part(number: int, count: int) -> Batch:
    """A part of a batch of 6 identities with 2 images each."""
    images = torch.randn(ROWS, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels, cameras, rows = torch.arange(ROWS) // 2, torch.arange(ROWS) % 2, torch.arange(ROWS)
    columns = (images, labels, cameras, torch.full((ROWS,), -1), rows)
    return Batch(*(column.chunk(count)[number] for column in columns))


def main() -> None:
    output, parts = sys.argv[1], int(sys.argv[2])
    state = PartialState(cpu=True)
    task = Uneven(state.process_index)

    def batches(epoch: int, start: int) -> list[Batch]:
        first, count = state.process_index * parts, state.num_processes * parts
        return [part(first + number, count) for number in range(start, parts)]

    settings = {"accumulation": parts, "mining": "joined"} if parts > 1 else {}
    trainer = toy_trainer(
        model=task.model, task=task, batches=batches, epochs=1, optimizer="sgd", precision="auto", **settings
    )
    trainer.fit()
    encoder: nn.Module = task.model.encoder  # type: ignore[assignment]
    content = {"weights": encoder.state_dict(), "processes": state.num_processes}
    torch.save({**content, "precision": trainer.gradients.precision}, f"{output}.{state.process_index}")


if __name__ == "__main__":
    main()
