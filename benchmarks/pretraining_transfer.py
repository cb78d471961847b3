"""Does pre-training without labels help? Each method and none, then the same fine-tuning on real vehicle crops.

    python benchmarks/pretraining_transfer.py --data ../shared/data/vehicle-reid --seeds 0 1 2

The pool is the train list of the vehicle set without its labels, and as many rendered crops as --synthetic says; no
image of the validation list is in it. All methods see the same images in as many steps. Fine-tuning is the recipe
`vehicle` with few epochs: on a quarter of the identities, on a quarter in as many steps as on all, and on all. Runs
that are finished are not run again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from page import heading, publish

from resight.data.convert.image_folder import image_folder
from resight.data.convert.vehicle_reid import vehicle_reid
from resight.data.manifest import Manifest

METHODS = ("none", "dino", "mocov2", "mocov3", "moby")
SHARES = (25, 100)  # percent of the training identities
TUNINGS = ((25, 1), (25, 4), (100, 1))  # share, and times --tuning-epochs
# The net of the recipes `small_*` on crops of 96x96.
NET = ["views.size=[96, 96]"]
# What a method has of its own. The queues are shorter than the pool, or an image would meet itself as a negative.
OWN = {
    "dino": ["views.local_size=[48, 48]"],
    "mocov2": ["options.queue=512"],
    "moby": ["options.queue=512"],
}
TUNED = ["model.name=vit_nano", "model.image_size=[96, 96]", "model.stride=null", "data.format=null"]


def make_data(source: Path, folder: Path, synthetic: int) -> None:
    """pool.parquet, and train_25.parquet, train_100.parquet with the same query and gallery rows."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = vehicle_reid(source)
    train, test = everything.split("train"), everything.select(everything.column("split") != "train")
    parts = [Manifest.from_columns({"image": train.table.column("image")}, train.root)]
    if synthetic:
        crops = folder / "rendered"
        call("data", "synth", crops, "--pool", synthetic, "--junk-share", 0)
        parts.append(image_folder(crops))
    Manifest.concat(parts).write(folder / "pool.parquet")
    identities = np.random.default_rng(0).permutation(sorted(set(train.column("pid"))))
    for share in SHARES:
        chosen = identities[: round(len(identities) * share / 100)]
        rows = train.select(np.isin(train.column("pid").astype(str), chosen))
        Manifest.concat([rows, test]).write(folder / f"train_{share}.parquet")


def call(*words: object) -> None:
    """A command of resight, on one thread."""
    command = [sys.executable, "-m", "resight.cli.main", *map(str, words)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


def pretrained(method: str, seed: int, arguments: argparse.Namespace) -> Path:
    """The folder of a pre-training, run now unless it is finished."""
    folder: Path = arguments.runs / f"{method}_{seed}"
    if not (folder / "report.json").is_file():
        words = [*NET, *OWN.get(method, []), f"train.seed={seed}", f"train.epochs={arguments.epochs}"]
        pools = ["--pool", arguments.runs / "pool.parquet", "--probe", arguments.runs / "train_100.parquet"]
        call("pretrain", f"small_{method}", *words, *pools, "-o", folder, *going_on(folder))
    return folder


def fine_tuned(method: str, share: int, times: int, seed: int, arguments: argparse.Namespace) -> float:
    """Validation mAP in percent, of a run now unless it is finished."""
    epochs = times * arguments.tuning_epochs
    folder: Path = arguments.runs / f"{method}_{seed}_{share}_{epochs}"
    if not (folder / "report.json").is_file():
        init = [] if method == "none" else ["--init", pretrained(method, seed, arguments)]
        words = [*TUNED, f"train.seed={seed}", f"train.epochs={epochs}"]
        data = arguments.runs / f"train_{share}.parquet"
        call("train", "vehicle", *words, "--data", data, "-o", folder, *init, *going_on(folder))
    return mean_ap(folder, "mean_ap")


def going_on(folder: Path) -> list[str]:
    return ["--resume"] if (folder / "recipe.yaml").is_file() else []


def mean_ap(folder: Path, name: str) -> float:
    """Of a run's result, in percent."""
    return 100 * float(json.loads((folder / "report.json").read_text())[name])


def row_of(method: str, seed: int, arguments: argparse.Namespace) -> list[float]:
    """One number for each of `TUNINGS`, and behind them that of the features as pre-training leaves them."""
    row = [fine_tuned(method, share, times, seed, arguments) for share, times in TUNINGS]
    return row if method == "none" else [*row, mean_ap(pretrained(method, seed, arguments), "probe_map")]


def cell(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.1f} .. {max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=60, help="of pre-training")
    parser.add_argument("--tuning-epochs", type=int, default=10, help="on all identities")
    parser.add_argument("--synthetic", type=int, default=0, help="rendered crops in the pool")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--runs", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    make_data(arguments.data, arguments.runs, arguments.synthetic)
    images = len(Manifest.read(arguments.runs / "pool.parquet"))

    jobs = [(method, seed) for seed in arguments.seeds for method in arguments.methods]
    with ThreadPoolExecutor(arguments.jobs) as workers:
        results = dict(zip(jobs, workers.map(lambda job: row_of(*job, arguments), jobs), strict=True))

    seeds = " ".join(map(str, arguments.seeds))
    lines = heading(
        f"From pre-training to real crops, seeds {seeds}",
        f"python benchmarks/pretraining_transfer.py --data {arguments.data.name} --seeds {seeds} --epochs "
        f"{arguments.epochs} --tuning-epochs {arguments.tuning_epochs} --synthetic {arguments.synthetic}",
        f"Validation mAP in percent, mean (lowest .. highest) of the seeds. ViT 96x4 on 96x96 pixels. Pool: {images} "
        f"images without labels, {arguments.epochs} epochs in batches of 32. The first column is of the features as "
        f"pre-training leaves them. One thread per run.",
    )
    tunings = [f"{share} % of identities, {times * arguments.tuning_epochs} epochs" for share, times in TUNINGS]
    lines += [f"| pre-training | no fine-tuning | {' | '.join(tunings)} |", f"|---|---:|{'---:|' * len(TUNINGS)}"]
    for method in arguments.methods:
        columns = list(zip(*(results[method, seed] for seed in arguments.seeds), strict=True))
        cells = [cell(columns[-1]) if method != "none" else "", *map(cell, columns[: len(TUNINGS)])]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    if "none" in arguments.methods:
        lines += ["", "More than without pre-training, seed by seed:", ""]
        lines += [f"| pre-training | {' | '.join(tunings)} |", f"|---|{'---:|' * len(TUNINGS)}"]
        for method in (name for name in arguments.methods if name != "none"):
            gains = [
                [results[method, seed][place] - results["none", seed][place] for seed in arguments.seeds]
                for place in range(len(TUNINGS))
            ]
            lines.append(f"| {method} | {' | '.join(map(cell, gains))} |")
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
