"""Trains recipes with several seeds, one process and one thread each, and writes mean and spread to a table.

    python benchmarks/seeds.py vehicles --data ../shared/data/vehicle-reid --seeds 0 1 2
    python benchmarks/seeds.py people --data people --seeds 0 1 2
    python benchmarks/seeds.py backbones --data ../shared/data/vehicle-reid --seeds 0

Runs that are finished already are not run again, so a table can grow over several calls.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from page import heading, publish

SHORT = ["vehicle", "train.epochs=3", "schedule.warmup_epochs=1", "model.stride=null", "model.initial_weights=official"]

# name of the row -> recipe and overrides
TABLES: dict[str, dict[str, list[str]]] = {
    "people": {
        "baseline": ["demo_baseline"],
        "+ JPM": ["demo_jpm"],
        "+ SIE": ["demo_sie"],
        "TransReID (JPM + SIE)": ["demo_transreid"],
    },
    "vehicles": {
        "official settings": ["vehicle_baseline"],
        "official settings, JPM + SIE": ["vehicle_transreid"],
        "our recipe": ["vehicle"],
        "our recipe, JPM + SIE": ["vehicle_jpm_sie"],
    },
    # Do other networks train at all? From scratch, three epochs: no comparison of their worth.
    "backbones": {
        "vit_micro": SHORT,
        "convnext_atto": [*SHORT, "model.name=convnext_atto"],
        "resnet50 (BoT)": [*SHORT, "model.name=resnet50"],
        "vit_small_ics": [*SHORT, "model.name=vit_small_ics"],
        "vit_small_patch14_dinov2": [*SHORT, "model.name=vit_small_patch14_dinov2", "model.image_size=[126,126]"],
    },
}
COLUMNS = {"mAP": "mean_ap", "Rank-1": 1, "Rank-5": 5, "Rank-10": 10, "mINP": "mean_inp"}


def run(folder: Path, data: Path, words: list[str], seed: int) -> dict[str, float]:
    """The numbers of one run, trained now unless it is finished already."""
    report = folder / "report.json"
    if not report.is_file():
        command = [sys.executable, "-m", "resight.cli.main", "train", *words, f"train.seed={seed}"]
        command += ["--data", str(data), "--output", str(folder)]
        command += ["--resume"] if (folder / "recipe.yaml").is_file() else []
        started = time.perf_counter()
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
        print(f"{folder.name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    content = json.loads(report.read_text())
    return {
        name: content["cmc"][min(key, len(content["cmc"])) - 1] if isinstance(key, int) else content[key]
        for name, key in COLUMNS.items()
    }


def cell(values: list[float]) -> str:
    """Mean, and lowest to highest, in percent."""
    if len(values) == 1:
        return f"{100 * values[0]:.1f}"
    return f"{100 * statistics.mean(values):.1f} ({100 * min(values):.1f} .. {100 * max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/seeds"), help="folder of the runs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--rows", nargs="*", help="only these rows")
    parser.add_argument("--output", type=Path, help="Markdown file of the table")
    arguments = parser.parse_args()

    rows = {
        name: words for name, words in TABLES[arguments.table].items() if not arguments.rows or name in arguments.rows
    }
    jobs = [(name, words, seed) for seed in arguments.seeds for name, words in rows.items()]
    numbers: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        folders = [
            arguments.runs / f"{arguments.table}_{list(TABLES[arguments.table]).index(name)}_{seed}"
            for name, _, seed in jobs
        ]
        results = pool.map(lambda job, folder: run(folder, arguments.data, job[1], job[2]), jobs, folders)
        for (name, _, _), result in zip(jobs, results, strict=True):
            numbers[name].append(result)

    seeds = " ".join(map(str, arguments.seeds))
    lines = heading(
        f"{arguments.table.capitalize()}, seeds {seeds}",
        f"python benchmarks/seeds.py {arguments.table} --data {arguments.data.name} --seeds {seeds}",
        "One thread per run. Percent: mean (lowest .. highest).",
    )
    lines += [f"| | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for name, results in numbers.items():
        lines.append(f"| {name} | {' | '.join(cell([result[column] for result in results]) for column in COLUMNS)} |")
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
