"""The page of a comparison of `transreid_variants`: time interleaved in one process, memory in fresh ones."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import heading, publish
from rounds import interleaved, peak_memory, report_memory, speed_up
from transreid_variants import LITERAL, NETS, OURS, PLAIN, VARIANTS, Net, batch_of

from resight.data.dataset import Batch

Make = Callable[[str, Net, Batch], Callable[[], Any]]


def times_table(name: str, batch: Batch, rounds: int, make: Make) -> list[str]:
    works = {variant: make(variant, NETS[name], batch) for variant in VARIANTS}
    seconds = interleaved(works, rounds)
    lines = [f"## {name}: time", "", "| | s (median) | images/s | times the literal one | times the plain ViT |"]
    lines.append("|---|---:|---:|---|---|")
    for variant, times in seconds.items():
        middle = float(np.median(times))
        ratios = " | ".join(speed_up(times, seconds[reference]) for reference in (LITERAL, PLAIN))
        lines.append(f"| {variant} | {middle:.2f} | {len(batch.rows) / middle:.1f} | {ratios} |")
    share = np.median(np.array(seconds[OURS]) / np.array(seconds[PLAIN]))
    return [*lines, "", f"Time of ours over that of the plain ViT: **{share:.3f}**.", ""]


def memory_table(name: str, script: str) -> list[str]:
    lines = [
        f"## {name}: peak memory",
        "",
        "| | RSS, GiB | over imports | share of the literal one |",
        "|---|---:|---:|---:|",
    ]
    peaks = {variant: peak_memory(script, "--only", variant, "--net", name) for variant in VARIANTS}
    for variant, (peak, over) in peaks.items():
        lines.append(f"| {variant} | {peak:.2f} | {over:.2f} | {peak / peaks[LITERAL][0]:.2f} |")
    return [*lines, ""]


def main(description: str | None, *, script: str, title: str, what: str, make: Make) -> None:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--net", choices=NETS, action="append", help="which; all, unless it is given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", choices=("time", "memory"), help="which; both, unless it is given")
    parser.add_argument("--only", choices=VARIANTS, help="run this variant alone and print the memory it took")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch = batch_of(arguments.batch)
    names = arguments.net or list(NETS)
    if arguments.only:

        def twice() -> None:
            work = make(arguments.only, NETS[names[0]], batch)
            for _ in range(2):  # the second has the optimiser's state
                work()

        report_memory(twice)
        return
    lines = heading(
        title,
        f"python benchmarks/{Path(script).name}",
        f"256x128 pixels, batch {arguments.batch}, {arguments.threads} threads: {what}. Interleaved, median of "
        f"{arguments.rounds} rounds and their range; memory of a fresh process for each.",
    )
    for name in names:
        if arguments.table != "memory":
            lines += times_table(name, batch, arguments.rounds, make)
        if arguments.table != "time":
            lines += memory_table(name, script)
    publish(lines, arguments.output)
