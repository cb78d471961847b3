"""Comparing variants fairly: timed A B A B in one process, memory in a fresh process for each."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np


def interleaved(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    warm_up: bool = True,
) -> dict[str, list[float]]:
    """Seconds of each work in each round; one more round before does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(-1 if warm_up else 0, rounds):
        for name, work in works.items():
            start = clock()
            work()
            if number >= 0:
                seconds[name].append(clock() - start)
    return seconds


def speed_up(seconds: Sequence[float], reference: Sequence[float]) -> str:
    """How many times as quick as the reference: median of the per-round ratios, and their range."""
    ratios = np.array(reference) / np.array(seconds)
    return f"**{np.median(ratios):.2f}** ({ratios.min():.2f} to {ratios.max():.2f})"


def peak_memory(script: str, *arguments: str) -> tuple[float, float]:
    """(peak, peak over imports) in GiB of a script that calls `report_memory`, run in a fresh process."""
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    before, peak = json.loads(done.stdout.splitlines()[-1])
    return peak / 2**20, (peak - before) / 2**20


def report_memory(work: Callable[[], object]) -> None:
    """Prints the resident memory before and the peak after, in KiB, for `peak_memory`. Linux alone knows them."""
    before = _resident("VmRSS")
    work()
    print(json.dumps([before, _resident("VmHWM")]))


def _resident(name: str) -> int:
    """In KiB. Not `resource.getrusage`, whose peak a process inherits from the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
