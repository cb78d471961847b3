"""What the training loop is given and whom it tells."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from resight.train.precision import PrecisionChoice

Batches = Callable[[int, int], Iterable[Any]]
"""(epoch, first step) -> the batches of that epoch from that step on; it has a length.

A batch has `rows`, `skipped` (messages about unreadable images) and `to(device)`.
"""


@dataclass
class Hooks:
    """What the loop tells the outside.

    on_row: a finished epoch's numbers. on_step: (epoch, step, steps of the epoch, mean loss so far). evaluate: called
    in every process with the model to evaluate, gives numbers for the row of its epoch. on_precision: it was measured.
    """

    on_row: Callable[[dict[str, Any]], None] = field(default=lambda row: None)
    on_step: Callable[[int, int, int, float], None] = field(default=lambda epoch, step, steps, loss: None)
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None
    on_precision: Callable[[PrecisionChoice], None] = field(default=lambda choice: None)
