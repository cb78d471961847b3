"""What a section is, and what several of them say about runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resight.report.run_result import RunResult
from resight.report.thumbnails import Thumbnails

Context = dict[str, Any]
NUM_COLORS: Final = 8


@dataclass(frozen=True)
class Section:
    """Where a section is linked to, its heading, and the function behind it."""

    name: str  # of the template, and the id of the element
    title: str
    context: Callable[[Sequence[RunResult], Thumbnails], Context | None]


def color_of(index: int) -> int:
    """Colour of the run at that place."""
    return index % NUM_COLORS


def legend(runs: Sequence[RunResult], shown: Sequence[int] | None = None) -> list[Context]:
    """Number, name and colour of the runs; of some of them."""
    places = range(len(runs)) if shown is None else shown
    return [{"run": i, "name": runs[i].name, "color": color_of(i)} for i in places]
