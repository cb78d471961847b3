"""Time of a DINO step against a literal one, in one process, turn by turn.

    python benchmarks/dino_step.py --output benchmarks/results/dino_step_2cores_202611.md

Both train a ViT-S/16 on the same crops: 2 of 256x128 and 8 of 96x64 of each of 8 images, 65536 prototypes, float32.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from literal_dino import LiteralDino
from page import heading, publish

from resight.pretrain.backbone import BackboneSettings
from resight.pretrain.create import create_task
from resight.pretrain.dino import DinoTask
from resight.pretrain.optimizer import pretrain_optimizer
from resight.pretrain.view_batch import ViewBatch
from resight.train.task import StepTime

GLOBAL, LOCAL = (256, 128), (96, 64)


class Ours:
    """The task's step as the trainer takes it, without logging."""

    def __init__(self, prototypes: int, drop_path: float) -> None:
        backbone = BackboneSettings("vit_small", GLOBAL, drop_path=drop_path)
        self.task = create_task("dino", backbone, {"prototypes": prototypes})
        self.optimizer = pretrain_optimizer(self.task.model, "adamw", lr=5e-4, weight_decay=0.04, total_batch=256)
        self.done = 0

    def step(self, batch: ViewBatch, *, freeze: bool) -> float:
        self.task.before_step(StepTime(0 if freeze else 1, self.done, 1000, self.done, 100_000), self.optimizer)
        terms = self.task.terms(self.task.model, batch)
        loss = terms["loss"].item()
        terms["loss"].backward()
        self.task.before_update()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done += 1
        self.task.after_step(self.done)
        return loss


def copy_weights(literal: LiteralDino, task: DinoTask) -> None:
    """Ours get the literal one's weights, so that both must give the same loss."""
    names = {"backbone.patch.": "backbone.patch_embed.proj.", ".fc1.": ".mlp.fc1.", ".fc2.": ".mlp.fc2."}
    state = {}
    for name, value in literal.student.state_dict().items():
        if name.startswith("mlp."):
            name = f"head.{name}"
        elif name.startswith("last_layer."):
            name = {"0": "head.last_layer.weight_g", "1": "head.last_layer.weight_v"}[name[-1]]
        else:
            for old, new in names.items():
                name = name.replace(old, new)
        state[name] = value.clone()
    task.model.load_state_dict(state)
    task.target.load_state_dict(state)


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--prototypes", type=int, default=65536)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    large, small = torch.randn(2, options.batch, 3, *GLOBAL), torch.randn(8, options.batch, 3, *LOCAL)
    batch, crops = ViewBatch((large, small), torch.arange(options.batch)), [*large, *small]
    rows = []
    difference = first_loss_difference(options.prototypes, batch, crops)
    for freeze, name in ((True, "first epoch, prototypes frozen"), (False, "later epochs")):
        literal, ours = LiteralDino(GLOBAL, options.prototypes), Ours(options.prototypes, 0.1)
        literal.step(crops, freeze=freeze)
        ours.step(batch, freeze=freeze)
        processors, theirs, mine = [], [], []
        for _ in range(options.rounds):
            a = seconds(lambda: literal.step(crops, freeze=freeze))  # noqa: B023
            b = seconds(lambda: ours.step(batch, freeze=freeze))  # noqa: B023
            processors.append(a / b)
            theirs.append(a)
            mine.append(b)
        rows.append(
            f"| {name} | {statistics.median(theirs):.2f} | {statistics.median(mine):.2f} "
            f"| {statistics.median(processors):.2f} | {min(processors):.2f} .. {max(processors):.2f} |"
        )
    lines = heading(
        "DINO step",
        f"python benchmarks/dino_step.py --rounds {options.rounds} --batch {options.batch} --threads {options.threads}",
        f"ViT-S/16, 2 x 256x128 + 8 x 96x64, {options.prototypes} prototypes, batch {options.batch}, float32, "
        f"{options.threads} threads. {options.rounds} rounds, literal and ours by turns in one process; medians of the "
        "rounds' ratios. The processor's time counts, for other work ran on the machine. The literal step "
        "(`benchmarks/literal_dino.py`) already passes crops of one size together.",
    )
    lines += [
        "| | literal, CPU s/step | ours, CPU s/step | ratio | lowest .. highest |",
        "|---|---:|---:|---:|---:|",
        *rows,
        "",
        f"Loss of the first step from the same weights without stochastic depth: relative difference {difference:.1e}.",
        "",
        "What ours leaves out without changing the result: all but the class token in the last block, 8 of 18 "
        "softmaxes, weights of the prototypes in unit length (outputs are divided instead), the prototypes' gradient "
        "while they are frozen, and passes over the weights in optimiser, weight average and clipping; attention is "
        "fused.",
    ]
    publish(lines, options.output)


def first_loss_difference(prototypes: int, batch: ViewBatch, crops: list[torch.Tensor]) -> float:
    literal, ours = LiteralDino(GLOBAL, prototypes), Ours(prototypes, 0.0)
    for block in literal.student.backbone.blocks:
        block.drop_path = 0.0
    assert isinstance(ours.task, DinoTask)
    copy_weights(literal, ours.task)
    expected = literal.step(crops)
    return abs(ours.step(batch, freeze=True) - expected) / expected


if __name__ == "__main__":
    main()
