"""The progress of a training run, on a terminal or in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resight.cli.console import bars, note
from resight.models.weights import WeightReport
from resight.recipes.evaluation_set import Listener
from resight.train import PrecisionChoice


@contextmanager
def training_display(epochs: int, name: str = "training") -> Iterator[Listener]:
    """A listener that shows one bar over all epochs, the run's numbers beside it; in logs a line per epoch and look.

    Args:
        epochs: of the run.
        name: shown before the bar.
    """
    with bars() as progress:
        task = progress.add_task(name, total=epochs)
        embedding = progress.add_task("embedding", total=None, visible=False)
        health = ""
        done = 0.0  # epochs
        first: tuple[float, float] | None = None  # moment and `done`, where this process began

        def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
            nonlocal done, first
            done = epoch + step / steps
            first = first or (time.monotonic(), done)
            progress.update(task, completed=done, description=f"{name}  loss {loss:.3f}{health}", visible=True)

        def on_row(row: dict[str, Any]) -> None:
            nonlocal health
            health = "".join(f"  {part}" for part in _health(row))
            progress.update(embedding, visible=False)
            if progress.disable:
                note(f"{name}: epoch {row['epoch']}/{epochs}, {_line(row)}")

        def on_look(row: dict[str, Any]) -> None:
            nonlocal health
            health = "".join(f"  {part}" for part in _health(row))
            if progress.disable:
                left = "" if first is None else _left(first, done, epochs)
                note(f"{name}: epoch {row['epoch']}/{epochs}, batch {row['step']}, {_line(row)}{left}")

        def on_embed(done: int, total: int) -> None:
            progress.update(embedding, completed=done, total=total, visible=True, description=f"{name}  embedding")

        def on_stage(stage: str) -> None:
            progress.update(task, description=f"{name}  {stage}")

        def on_start(report: WeightReport) -> None:
            for line in (report.line(), *report.notes):
                note(f"weights: {line}")

        def on_precision(choice: PrecisionChoice) -> None:
            note(f"precision: {choice.line()}")

        yield Listener(
            on_step=on_step,
            on_row=on_row,
            on_stage=on_stage,
            on_embed=on_embed,
            on_start=on_start,
            on_precision=on_precision,
            on_look=on_look,
        )


def _line(row: dict[str, Any]) -> str:
    return ", ".join([f"loss {row['loss']:.3f}", *_health(row)])


def _health(row: dict[str, Any]) -> list[str]:
    """What a row has beside its loss, in words."""
    formats = {
        "accuracy": "accuracy {:.1%}",
        "mean_ap": "mAP {:.1%}",
        "teacher_entropy": "teacher entropy {:.3f}",
        "center_norm": "center norm {:.2f}",
        "feature_std": "feature std {:.2f}",
        "feature_rank": "rank {:.1f}",
        "knn_accuracy": "k-NN {:.1%}",
        "probe_map": "probe mAP {:.1%}",
        "images_per_second": "{:.0f} images/s",
    }
    return [text.format(row[name]) for name, text in formats.items() if name in row]


def _left(first: tuple[float, float], done: float, epochs: int) -> str:
    """How long the rest will take, from the time that this process took for its part."""
    moment, start = first
    if done <= start:
        return ""
    minutes = round((time.monotonic() - moment) / (done - start) * (epochs - done) / 60)
    return f", {minutes // 60}:{minutes % 60:02} h left"
