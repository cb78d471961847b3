"""The progress of a training run, on a terminal or in a log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resight.cli.console import bars, note
from resight.models.weights import WeightReport
from resight.recipes.evaluation_set import Listener
from resight.train import PrecisionChoice


@contextmanager
def training_display(epochs: int, name: str = "training") -> Iterator[Listener]:
    """A listener that shows one bar over all epochs, the loss beside it, and a line per finished epoch in logs.

    Args:
        epochs: of the run.
        name: shown before the bar.
    """
    with bars() as progress:
        task = progress.add_task(name, total=epochs)
        embedding = progress.add_task("embedding", total=None, visible=False)

        def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
            done = epoch + step / steps
            progress.update(task, completed=round(done, 2), description=f"{name}  loss {loss:.3f}", visible=True)

        def on_row(row: dict[str, Any]) -> None:
            progress.update(embedding, visible=False)
            if progress.disable:
                note(f"{name}: {_line(row, epochs)}")

        def on_embed(done: int, total: int) -> None:
            progress.update(embedding, completed=done, total=total, visible=True, description=f"{name}  embedding")

        def on_stage(stage: str) -> None:
            progress.update(task, description=f"{name}  {stage}")

        def on_start(report: WeightReport) -> None:
            note(f"weights: {report.line()}")

        def on_precision(choice: PrecisionChoice) -> None:
            note(f"precision: {choice.line()}")

        yield Listener(
            on_step=on_step,
            on_row=on_row,
            on_stage=on_stage,
            on_embed=on_embed,
            on_start=on_start,
            on_precision=on_precision,
        )


def _line(row: dict[str, Any], epochs: int) -> str:
    parts = [f"epoch {row['epoch']}/{epochs}", f"loss {row['loss']:.3f}"]
    if "accuracy" in row:
        parts.append(f"accuracy {row['accuracy']:.1%}")
    if "mean_ap" in row:
        parts.append(f"mAP {row['mean_ap']:.1%}")
    parts.append(f"{row['images_per_second']:.0f} images/s")
    return ", ".join(parts)
