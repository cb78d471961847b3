"""Crops per second of the synthetic people, on one core, JPEG files included.

python benchmarks/synthetic_people.py --output benchmarks/results/synthetic_people_HARDWARE_YYYYMM.md
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from page import heading, publish

from resight.data.synthetic import write_market1501_layout, write_pool


def measure(write: str) -> tuple[int, float, float]:
    """(crops, CPU seconds, wall seconds) of one set."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        if write == "labelled set":
            path = write_market1501_layout(Path(folder) / "set", train_ids=60, test_ids=40)
        else:
            path = write_pool(Path(folder) / "set", images=1500, junk_share=0.4).parent
        seconds = time.process_time() - cpu, time.perf_counter() - wall
        return sum(1 for _ in path.rglob("*.jpg")), *seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    lines = heading(
        "Synthetic people: crops per second on one core",
        "python benchmarks/synthetic_people.py",
        f"128x64 pixels, JPEG files included; median of {arguments.rounds} rounds.",
    )
    lines += ["| what | crops | crops/s, CPU time | crops/s, wall time |", "|---|---|---|---|"]
    for write in ("labelled set", "unlabelled pool, 40 % junk"):
        rounds = [measure(write) for _ in range(arguments.rounds)]
        cpu, wall = (float(np.median([crops / r[i] for r in rounds for crops in [r[0]]])) for i in (1, 2))
        lines.append(f"| {write} | {rounds[0][0]} | {cpu:.0f} | {wall:.0f} |")
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
