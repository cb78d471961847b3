"""Scoring and choosing at LUPerson's size: memory, rows per second, and what the proxies would cost on an H100.

    python benchmarks/filtering_scale.py FOLDER --output benchmarks/results/filtering_scale_HARDWARE_YYYYMM.md

Features are drawn at random in place of the proxies, and so are the codes among which near duplicates are looked for;
everything else is real. Each part runs in a process of its own. The pass can be stopped: the same command goes on.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from large_pools import WIDTH, Drawn, Ready, write_codes, write_pool
from page import heading, publish

from resight.data.pool import ShardPool, open_pool
from resight.data.transforms import EvalTransform
from resight.filtering.codes import WIDTH as CODE
from resight.filtering.codes import CodeWriter, read_codes
from resight.filtering.duplicates import near_duplicates
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.layout import CODES, SCORES
from resight.filtering.nearest import NearestTarget
from resight.filtering.published_list import write_list
from resight.filtering.quality import ImageQuality, QualityLimits
from resight.filtering.score import ForgettingScorer
from resight.filtering.score_file import ScoreFile
from resight.filtering.scoring import PassSettings, score_pool
from resight.recipes.filter_keep import Choice, choose
from resight.recipes.filter_output import write_kept

LUPERSON = 4_180_243
DECODED = 6_000  # rows whose images are decoded
TARGETS = 500  # images of the target
CODED = 2_000_000  # codes among which near duplicates are looked for
ALIKE = 0.999  # cosine from which two are
GATES = QualityLimits(min_width=1, aspect=(0.1, 10), min_sharpness=0)  # three more columns; all images pass
CHOICES = {
    "choosing the upper half by `cfs`": Choice(0.5, ("cfs",)),
    "by the mean place of `cfs` and `nearest`": Choice(0.5, ("cfs", "nearest")),
    "the same, gates of width, aspect and sharpness": Choice(0.5, ("cfs", "nearest"), GATES),
}
LIST, TWINS = "writing the list of all, best first (`--cfs-list`)", "near duplicates"
GIGAFLOP = 2 * 5.6  # of both ViT-S/16 at 256x128, a multiplication and an addition counted as two
PEAK = 989e12  # of an H100 in half precision, dense, by its data sheet
SHARE = 0.2  # of it that a ViT-S is assumed to reach where nothing was measured


def score(folder: Path, workers: int) -> dict[str, Any]:
    """Scores what is missing, with all that `resight filter --target` asks of an image."""
    is_decoded = folder.name == "decoded"
    pool = ShardPool(folder / "shards") if is_decoded else Ready(folder / "shards")
    drawn, transform = Drawn(), EvalTransform((256, 128) if is_decoded else (16, 8))
    spaces = [FeatureSpace(name, getattr(drawn, name), transform, name) for name in ("source", "target")]
    targets = F.normalize(torch.randn(TARGETS, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1)
    codes = CodeWriter(spaces[0], folder / CODES, len(pool))
    scorers = [ForgettingScorer(spaces[0], spaces[1:]), ImageQuality(), NearestTarget(spaces[0], targets), codes]
    settings = PassSettings(batch_size=256, workers=workers, decoder="turbo")
    told: list[tuple[float, int]] = []
    start = time.perf_counter()
    score_pool(
        pool, scorers, folder, settings=settings, progress=lambda done, total: told.append((time.perf_counter(), done))
    )
    codes.close()
    done, seconds = (told[-1][1] - told[0][1], told[-1][0] - told[0][0]) if told else (0, 0.0)
    return {
        "rows": len(pool),
        "rows_per_second": done / seconds if seconds else None,
        "merging": time.perf_counter() - (told[-1][0] if told else start),
        "memory_of_a_worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10,
    }


def select(folder: Path, choice: Choice) -> dict[str, Any]:
    """Chooses, and writes the manifest of what is kept."""
    start = time.perf_counter()
    scores = ScoreFile(folder / SCORES)
    kept = choose(scores, choice)
    chosen = time.perf_counter() - start
    write_kept(scores, kept, folder)
    return {"rows": len(scores), "seconds": chosen, "writing": time.perf_counter() - start - chosen}


def write_listed(folder: Path) -> dict[str, Any]:
    """Writes all images as the published lists are."""
    start = time.perf_counter()
    scores = ScoreFile(folder / SCORES)
    rows = write_list(scores, scores.scores("cfs"), folder / "list.pkl")
    return {"rows": rows, "seconds": time.perf_counter() - start}


def find_alike(folder: Path) -> dict[str, Any]:
    """Looks for near duplicates among drawn codes."""
    count = (folder / CODES).stat().st_size // CODE
    start = time.perf_counter()
    found = near_duplicates(read_codes(folder / CODES, count), np.arange(count), min_cosine=ALIKE)
    return {"rows": count, "seconds": time.perf_counter() - start, "found": int(np.count_nonzero(found >= 0))}


def run_part(part: str, folder: Path, workers: int) -> dict[str, Any]:
    """What a part gives, and the memory of this process in MiB."""
    before = resident("VmRSS")
    if part in CHOICES:
        result = select(folder, CHOICES[part])
    elif part == LIST:
        result = write_listed(folder)
    else:
        result = find_alike(folder) if part == TWINS else score(folder, workers)
    return {**result, "memory": resident("VmHWM"), "memory_over_imports": resident("VmHWM") - before}


def resident(name: str) -> float:
    """Memory of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 2**10


def in_a_process(part: str, folder: Path, workers: int) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), "--part", part, "--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def costs(rate: float | None, decoded: float | None) -> list[str]:
    """What the pass over LUPerson takes on H100s, from images per second of both proxies and of a decoding core."""
    estimated = SHARE * PEAK / (GIGAFLOP * 1e9)
    what = f"{rate:,.0f} images/s, as given" if rate else f"{estimated:,.0f} images/s, assumed and not measured"
    rate = rate or estimated
    lines = [f"Both ViT-S proxies on one H100: {what}.", "", "| H100s | images/s | LUPerson |", "|---:|---:|---:|"]
    lines += [f"| {count} | {count * rate:,.0f} | {LUPERSON / count / rate / 60:.1f} minutes |" for count in (1, 8)]
    if decoded is None:
        return lines
    cores = f"{rate / decoded:.0f} cores for each H100, at the {decoded:,.0f} images/s of the one above"
    return [*lines, "", f"Decoding is the bound below {cores}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=LUPERSON)
    parser.add_argument("--codes", type=int, default=CODED, help="among which near duplicates are looked for")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--forward-rate", type=float, help="images/s of both proxies on one H100")
    parser.add_argument("--part", choices=("score", *CHOICES, LIST, TWINS), help="used inside")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    if arguments.part is not None:
        print(json.dumps(run_part(arguments.part, arguments.folder, arguments.workers)))
        return
    ready, decoded, coded = (arguments.folder / name for name in ("ready", "decoded", "coded"))
    for folder, rows in ((ready, arguments.rows), (decoded, DECODED)):
        if not (folder / "shards" / "shards.json").is_file() or len(open_pool(folder / "shards")) != rows:
            write_pool(folder, rows)
    coded.mkdir(parents=True, exist_ok=True)
    planted = write_codes(coded / CODES, arguments.codes, CODE)
    passes = [in_a_process("score", folder, arguments.workers) for folder in (ready, decoded)]
    after = {part: in_a_process(part, ready, arguments.workers) for part in (*CHOICES, LIST)}
    twins = in_a_process(TWINS, coded, arguments.workers)
    after[f"{TWINS}, cosine {ALIKE} ({twins['found']:,} found, {planted:,} planted)"] = twins
    publish(page(passes, after, arguments.workers, arguments.forward_rate), arguments.output)


def page(passes: list[dict[str, Any]], after: dict[str, Any], workers: int, rate: float | None) -> list[str]:
    lines = heading(
        "Filtering at LUPerson's size",
        "python benchmarks/filtering_scale.py FOLDER",
        f"Features of {WIDTH} numbers are drawn at random in place of two proxies. Loader ({workers} worker(s)), "
        f"resizing, CFS, width, height, aspect, sharpness, the nearest of {TARGETS} target features, codes for near "
        "duplicates, blocks and joining are real. In the first line the pixels are there, 16x8 of them; the second "
        "reads (CRC, turbo) and resizes JPEGs, and says what a core decodes. The rows of the index lead to 64 images "
        "of one tar, which stays in memory.",
    )
    lines += ["| pass | rows | rows/s | joining blocks and manifest | memory | of it beyond imports | of a worker |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for name, one in zip(("pixels that are there", "JPEGs of 256x128, 12 kB"), passes, strict=True):
        rows = "was there" if one["rows_per_second"] is None else f"{one['rows_per_second']:,.0f}"
        lines.append(
            f"| {name} | {one['rows']:,} | {rows} | {one['merging']:.1f} s | {one['memory']:,.0f} MiB | "
            f"{one['memory_over_imports']:,.0f} MiB | {one['memory_of_a_worker']:,.0f} MiB |"
        )
    lines += [
        "",
        "What comes after the pass, each in one process. A choice includes how the choices by each score alone agree; "
        "its memory includes writing the manifest of what is kept. Goal of a choice: seconds, below 500 MiB. The codes "
        "among which near duplicates are looked for are drawn with a mean cosine of 0.8; they are mapped, and what is "
        "read of them counts as memory.",
        "",
        "| | rows | time | writing `kept.parquet` | memory | of it beyond imports |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in after.items():
        writing = f"{one['writing']:.1f} s" if "writing" in one else ""
        lines.append(
            f"| {name} | {one['rows']:,} | **{one['seconds']:.1f} s** | {writing} | {one['memory']:,.0f} MiB | "
            f"**{one['memory_over_imports']:,.0f} MiB** |"
        )
    return [*lines, "", *costs(rate, passes[1]["rows_per_second"])]


if __name__ == "__main__":
    main()
