"""The shards of a set, written by several processes.

Each is a fresh interpreter (spawn) that maps the rows from a file, so none holds a copy of them. They end with the
process that started them, however that ends: a later one finds the folder at rest.
"""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from resight.data.mapped_rows import map_rows, write_rows
from resight.data.shards.layout import UNFINISHED
from resight.data.shards.plan import Plan
from resight.data.shards.writer import Part, write_shard
from resight.errors import MemoryLimitError

_FLUSH = 50  # rows after which a worker tells of them, and asks whether to stop
_ROWS = "rows.arrow"


class _Stopped(Exception):  # noqa: N818 (nothing went wrong here)
    """Ends a worker after another one failed."""


class _Worker:
    """What a worker process knows."""

    def __init__(self, folder: Path, plan: Plan, done: Any, stop: Any) -> None:
        self.folder = folder
        self.plan = plan
        self.done = done
        self.stop = stop
        self.rows = 0

    def write(self, number: int) -> Part:
        part = write_shard(self.folder, self.plan, number, self._on_row)
        self._tell()
        return part

    def _on_row(self) -> None:
        self.rows += 1
        if self.rows >= _FLUSH:
            self._tell()
            if self.stop.is_set():
                raise _Stopped

    def _tell(self) -> None:
        with self.done.get_lock():
            self.done.value += self.rows
        self.rows = 0


_worker: _Worker | None = None


def write_shards(
    folder: Path, plan: Plan, numbers: Sequence[int], workers: int, on_rows: Callable[[int], None]
) -> list[Part]:
    """Write these shards.

    Args:
        folder: of the set.
        plan: what to pack.
        numbers: of the shards.
        workers: processes; 1 writes in this one.
        on_rows: called with the number of rows done so far, several times a second.

    Returns:
        Their parts, in the order of `numbers`.

    Raises:
        OSError: if the disk is full or cannot be written.
        MemoryLimitError: if a process was killed, as systems do that run out of memory.
    """
    if workers == 1 or len(numbers) < 2:
        return _here(folder, plan, numbers, on_rows)
    context = get_context("spawn")
    done, stop = context.Value("q", 0), context.Event()
    write_rows(plan.manifest, folder / UNFINISHED / _ROWS)
    settings = (folder, plan.manifest.root, plan.rows_per_shard, plan.fingerprint, done, stop)
    executor = ProcessPoolExecutor(min(workers, len(numbers)), context, initializer=_start, initargs=settings)
    try:
        futures = [executor.submit(_write, number) for number in numbers]
        waiting: set[Future[Part]] = set(futures)
        while waiting:
            finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_EXCEPTION)
            on_rows(done.value)
            for future in finished:
                future.result()
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise MemoryLimitError(
            "a process that packed was killed, perhaps for lack of memory; run the same again with fewer workers, it "
            "goes on where it stopped"
        ) from error
    finally:  # after an error or Ctrl-C the others end within some rows
        stop.set()
        executor.shutdown(cancel_futures=True)


def _here(folder: Path, plan: Plan, numbers: Sequence[int], on_rows: Callable[[int], None]) -> list[Part]:
    rows = 0

    def on_row() -> None:
        nonlocal rows
        rows += 1
        if rows % _FLUSH == 0:
            on_rows(rows)

    parts = [write_shard(folder, plan, number, on_row) for number in numbers]
    on_rows(rows)
    return parts


def _start(folder: Path, root: Path, rows_per_shard: int, fingerprint: str, done: Any, stop: Any) -> None:
    """Runs in a worker process before anything else."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plan = Plan(map_rows(folder / UNFINISHED / _ROWS, root), rows_per_shard, fingerprint)
    _worker = _Worker(folder, plan, done, stop)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write(number: int) -> Part:
    if _worker is None:
        raise RuntimeError("a worker has to be started by _start")
    return _worker.write(number)
