"""Printing: results to stdout, the rest to stderr; colours and bars on a terminal only."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

out = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
err = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
# For tables that grep and awk read: a line stays a line.
_pipe = Console(markup=False, emoji=False, highlight=False, width=1000)

OnProgress = Callable[[int, int], None]


def is_debug() -> bool:
    """Whether --debug was given."""
    return bool(os.environ.get("RESIGHT_DEBUG"))


def is_first_process() -> bool:
    """Whether this is the process of a distributed run that talks; so is the only one of any other run."""
    return os.environ.get("RANK", "0") == "0"


def error(message: str) -> None:
    """An error, to stderr."""
    err.print("error:", style="bold red", end=" ")
    err.print(message)


def note(message: str) -> None:
    """What is going on, to stderr."""
    if is_first_process():
        err.print(message)


def print_json(value: Any) -> None:
    """JSON to stdout, for scripts."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """A table to stdout; numbers to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        numeric = all(isinstance(row[number], (int, float)) or str(row[number])[:1].isdigit() for row in rows)
        table.add_column(column, justify="right" if numeric and rows else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    (out if out.is_terminal else _pipe).print(table)


@contextmanager
def progress_bar(description: str) -> Iterator[OnProgress]:
    """A function (done, total) that draws a bar on stderr; on no terminal it stays silent."""
    with bars() as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def bars() -> Progress:
    """A live display of bars, removed when done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal or not is_first_process(),
    )
