"""Does the filter find the images that suit a target, and is pre-training on them worth more?

    python benchmarks/filtering.py --part junk --seeds 0 1 2
    python benchmarks/filtering.py --part transfer --seeds 0 1 2
    python benchmarks/filtering.py --part vehicles --data ../shared/data/vehicle-reid --seeds 0 1 2

On two CPU cores a filtering takes about 5 minutes, a pre-training with its fine-tuning about 10.

junk: a pool of rendered people, 40 % of it junk; which is which is known here and not shown to the filter. Target: the
training crops of other rendered people. Of each score the ROC-AUC against junk, and the junk in the half that it keeps.
transfer: pre-training on the whole pool, on a random half and on the half that CFS keeps, in equally many steps, then
the same fine-tuning on the target's identities. vehicles: both for real vehicle crops; the pool is those of three
quarters of the identities (without labels) and as many rendered people as make 40 %, the target the last quarter.

All is done by the commands of resight. Runs that are finished are not run again: other settings need other --runs.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filtering_cases import Case, call, people, vehicles
from page import heading, publish
from PIL import Image

from resight.data.manifest import Manifest
from resight.filtering.combined import combined, rank_share
from resight.filtering.score_file import ScoreFile
from resight.filtering.selection import select_top

# What parted junk best among some 15 trials on seed 0: nearly whole images as views, a source of many epochs, and a
# target proxy that leaves it in small steps.
PROXY = "small_mocov3"
LEARNING = ("data.batch_size=64", "optimizer.lr=1e-3", "optimizer.lr_batch=null")
SOURCE = (*LEARNING, "views.area=[0.7, 1.0]", "train.epochs=20")
TARGET = ("optimizer.lr=1e-4", "train.epochs=5", "schedule.warmup_epochs=1")
ARMS = ("nothing", "whole pool", "random half", "CFS half", "half without junk")
Mask = npt.NDArray[np.bool_]


def filtered(case: Case, seed: int, arguments: argparse.Namespace) -> ScoreFile:
    """The scores of the case's pool, made now unless they are there."""
    folder: Path = arguments.runs / f"filter_{case.name}"
    if not (folder / "scores.parquet").is_file():
        resume = ["--resume"] if (folder / "filter.json").is_file() else []
        source = [*case.size, *arguments.set, f"train.seed={seed}"]
        target = [word for setting in arguments.target_set for word in ("--target-set", setting)]
        call(
            *("filter", "--pool", case.pool, "--target", case.target, "--keep", 0.5, "--proxy", arguments.proxy),
            *(*target, "-o", folder, *source, *resume),
        )
    return ScoreFile(folder / "scores.parquet")


def rankings(scores: ScoreFile, case: Case) -> dict[str, npt.NDArray[np.float32]]:
    """What each filter selects by, higher is kept; one of them by chance."""
    found = {name: scores.scores(name) for name in scores.columns}
    typical = float(np.median([height / width for width, height in sizes(case.target)]))
    ranked = {name: found[name] for name in ("cfs", "nearest", "sharpness")}
    ranked["pixels"] = found["width"] * found["height"]
    ranked["aspect of the target"] = -np.abs(np.log(found["aspect"] / typical))
    ranked["cfs and nearest (mean place)"] = combined([ranked["cfs"], ranked["nearest"]])
    four = [ranked[name] for name in ("cfs", "nearest", "sharpness", "aspect of the target")]
    ranked["all but pixels (mean place)"] = combined(four)
    ranked["chance"] = np.random.default_rng(0).random(len(scores), dtype=np.float32)
    return ranked


def sizes(target: Path) -> list[tuple[int, int]]:
    """(width, height) of the first target images."""
    manifest = Manifest.read(target)
    found = []
    for row in range(min(len(manifest), 200)):
        with Image.open(manifest.image_path(row)) as image:
            found.append(image.size)
    return found


def auc(values: npt.NDArray[np.floating], junk: Mask) -> float:
    """How often a good image has the higher score than junk; equal scores count half."""
    ranks = 1 + rank_share(values).astype(np.float64) * (len(values) - 1)
    good = int((~junk).sum())
    return float((ranks[~junk].sum() - good * (good + 1) / 2) / (good * int(junk.sum())))


def kept_half(values: npt.NDArray[np.floating]) -> Mask:
    """The half of the highest values; of equal ones the first."""
    return select_top(values.astype(np.float32), len(values) // 2)


def junk_row(values: npt.NDArray[np.floating], case: Case) -> dict[str, float]:
    """AUC, junk in the kept half, and of each kind the share that is kept, in percent."""
    kept = kept_half(values)
    row = {"ROC-AUC": 100 * auc(values, case.junk), "junk in the kept half": 100 * float(case.junk[kept].mean())}
    kinds = sorted(set(case.kinds.tolist()) - {""})
    return row | {f"{kind} kept": 100 * float(kept[case.kinds == kind].mean()) for kind in kinds}


def arm_pool(arm: str, case: Case, seed: int, arguments: argparse.Namespace) -> Path:
    """The manifest of what an arm pre-trains on."""
    pool = Manifest.read(case.pool)
    if arm == "whole pool":
        return case.pool
    rng = np.random.default_rng(seed)
    if arm == "random half":
        chosen = np.sort(rng.permutation(len(pool))[: len(pool) // 2])
    elif arm == "CFS half":
        chosen = np.flatnonzero(kept_half(filtered(case, seed, arguments).scores("cfs")))
    else:
        chosen = np.sort(rng.permutation(np.flatnonzero(~case.junk))[: len(pool) // 2])
    path: Path = arguments.runs / case.name / f"{slug(arm)}.parquet"
    pool.select(chosen).write(path)
    return path


def tuned(arm: str, case: Case, seed: int, arguments: argparse.Namespace) -> float:
    """MAP in percent after pre-training of an arm and fine-tuning; what is finished is not run again."""
    folder: Path = arguments.runs / f"{case.name}_{slug(arm)}"
    run = folder / "tuned"
    if not (run / "report.json").is_file():
        init = []
        if arm != "nothing":
            backbone = folder / "pretrained"
            if not (backbone / "backbone.safetensors").is_file():
                epochs = arguments.epochs if arm == "whole pool" else 2 * arguments.epochs
                words = [*case.size, *arguments.pretrain_set, f"train.epochs={epochs}", f"train.seed={seed}"]
                pool = arm_pool(arm, case, seed, arguments)
                call("pretrain", arguments.method, *words, "--pool", pool, "-o", backbone, *going_on(backbone))
            init = ["--init", backbone]
        call("train", *case.tuning, f"train.seed={seed}", "--data", case.labelled, "-o", run, *init, *going_on(run))
    return 100 * float(json.loads((run / "report.json").read_text())["mean_ap"])


def going_on(folder: Path) -> list[str]:
    return ["--resume"] if (folder / "recipe.yaml").is_file() else []


def slug(arm: str) -> str:
    return arm.lower().replace(" ", "_")


def cell(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.1f} .. {max(values):.1f})"


def junk_table(cases: Mapping[int, Case], arguments: argparse.Namespace) -> list[str]:
    """One line for each filter."""
    with ThreadPoolExecutor(arguments.jobs) as workers:
        scores = dict(zip(cases, workers.map(lambda s: filtered(cases[s], s, arguments), cases), strict=True))
    rows: dict[str, list[dict[str, float]]] = {}
    for seed, case in cases.items():
        for name, values in rankings(scores[seed], case).items():
            rows.setdefault(name, []).append(junk_row(values, case))
    columns = list(next(iter(rows.values()))[0])
    lines = [f"| filter | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name, found in rows.items():
        lines.append(f"| {name} | {' | '.join(cell([row[column] for row in found]) for column in columns)} |")
    return lines


def transfer_table(cases: Mapping[int, Case], arguments: argparse.Namespace) -> list[str]:
    """One line for each arm."""
    jobs = [(arm, seed) for seed in cases for arm in ARMS]
    with ThreadPoolExecutor(arguments.jobs) as workers:
        list(workers.map(lambda seed: filtered(cases[seed], seed, arguments), cases))
        numbers = list(workers.map(lambda job: tuned(job[0], cases[job[1]], job[1], arguments), jobs))
    found = dict(zip(jobs, numbers, strict=True))
    lines = ["| pre-trained on | mAP | more than on the whole pool |", "|---|---:|---:|"]
    for arm in ARMS:
        values = [found[arm, seed] for seed in cases]
        gains = [found[arm, seed] - found["whole pool", seed] for seed in cases]
        lines.append(f"| {arm} | {cell(values)} | {cell(gains)} |")
    return lines


PARTS: dict[str, tuple[Callable[[int, argparse.Namespace], Case], tuple[Callable[..., list[str]], ...]]] = {
    "junk": (people, (junk_table,)),
    "transfer": (people, (transfer_table,)),
    "vehicles": (vehicles, (junk_table, transfer_table)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--data", type=Path, help="the vehicle crops")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=2000, help="of the pool of people")
    parser.add_argument("--identities", type=int, default=120, help="of the target of people")
    parser.add_argument("--proxy", default=PROXY, help="recipe of the proxies")
    parser.add_argument("--set", nargs="*", default=SOURCE, help="settings of both proxies")
    parser.add_argument("--target-set", nargs="*", default=TARGET, help="settings of the target proxy alone")
    parser.add_argument("--method", default=PROXY, help="recipe of the pre-training that is compared")
    parser.add_argument("--pretrain-set", nargs="*", default=LEARNING, help="its settings")
    parser.add_argument("--epochs", type=int, default=20, help="of pre-training on the whole pool")
    parser.add_argument("--runs", type=Path, default=Path("runs/filtering"))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()

    make, tables = PARTS[arguments.part]
    cases = {seed: make(seed, arguments) for seed in arguments.seeds}
    first = cases[arguments.seeds[0]]
    data = f" --data {arguments.data.name}" if arguments.data else ""
    seeds = " ".join(map(str, arguments.seeds))
    command = f"python benchmarks/filtering.py --part {arguments.part}{data} --seeds {seeds}"
    settings = f"Proxies: {arguments.proxy}, {' '.join(arguments.set)}; of the target {' '.join(arguments.target_set)}."
    lines = heading(
        f"Filtering: {arguments.part}, seeds {seeds}",
        command,
        f"Pool: {len(first.junk)} images, {100 * first.junk.mean():.0f} % junk. Percent: mean (lowest .. highest) over "
        f"the seeds, each with its own images. One thread per run. {settings}",
    )
    for table in tables:
        lines += [*table(cases, arguments), ""]
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
