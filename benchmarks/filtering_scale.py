"""Scoring and choosing at LUPerson's size: memory, rows per second, and what the proxies would cost on an H100.

    python benchmarks/filtering_scale.py FOLDER --output benchmarks/results/filtering_scale_HARDWARE_YYYYMM.md

Features are drawn at random in place of the proxies; everything else is real. The pass can be stopped: the same command
goes on.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from page import heading, publish
from shards import jpegs
from torch import Tensor

from resight.data.decode import Decoder
from resight.data.manifest import Manifest
from resight.data.pool import ShardPool, open_pool
from resight.data.shards.layout import INDEX, ROWS, Shard, ShardSet
from resight.data.shards.pack import pack
from resight.data.transforms import EvalTransform
from resight.filtering.codes import CodeWriter
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.quality import ImageQuality
from resight.filtering.score import ForgettingScorer
from resight.filtering.score_file import ScoreFile
from resight.filtering.scoring import PassSettings, score_pool
from resight.recipes.filter_keep import Choice, choose, write_kept

LUPERSON = 4_180_243
DECODED = 6_000  # rows whose images are decoded
WIDTH = 384
GIGAFLOP = 2 * 5.6  # of both ViT-S/16 at 256x128, a multiplication and an addition counted as two
PEAK = 989e12  # of an H100 in half precision, dense, by its data sheet
SHARE = 0.2  # of it that a ViT-S is assumed to reach where nothing was measured
_BLANK = np.zeros((16, 8, 3), dtype=np.uint8)


def write_pool(folder: Path, rows: int) -> None:
    """A set of shards whose index has `rows` entries; they lead to the same few images, which one tar holds."""
    files, shards, encoded = folder / "files", folder / "shards", jpegs()
    files.mkdir(parents=True)
    names = [f"{number:02d}.jpg" for number in range(len(encoded))]
    for name, data in zip(names, encoded, strict=True):
        (files / name).write_bytes(data)
    pack(Manifest.from_columns({"image": names}, files), shards)
    found, index = ShardSet.read(shards), np.load(shards / INDEX)
    table = pq.read_table(shards / ROWS)
    places = np.arange(rows) % len(encoded)
    np.save(shards / INDEX, index[places])
    with pq.ParquetWriter(shards / ROWS, table.schema) as writer:
        for start in range(0, rows, 1 << 16):
            numbers = np.arange(start, min(start + (1 << 16), rows))
            part = table.take(pa.array(places[numbers]))
            for name, text in (("key", "{:09d}"), ("source", "images/folder{:04d}/person_{:09d}.jpg")):
                values = pa.array([text.format(n // 1000, n) if "/" in text else text.format(n) for n in numbers])
                at = part.column_names.index(name)
                part = part.set_column(at, part.schema.field(at), values.cast(part.schema.field(at).type))
            writer.write_table(part)
    tar = found.shards[0]
    ShardSet((Shard(tar.name, rows, tar.bytes, tar.sha256),), 0, found.packed_from).write(shards)


class Drawn:
    """In place of a net: random features, those of the target near those of the source."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.last = torch.empty(0)

    def source(self, images: Tensor) -> Tensor:
        self.last = torch.randn(len(images), WIDTH, generator=self.generator)
        return self.last

    def target(self, images: Tensor) -> Tensor:
        return self.last + 0.5 * torch.randn(len(images), WIDTH, generator=self.generator)


class Ready(ShardPool):
    """The set of shards, but its images are there without reading and decoding."""

    def pixels(self, row: int, decoder: Decoder = "pillow") -> np.ndarray:
        return _BLANK

    def announce(self, rows: Sequence[int]) -> None:
        return

    def __reduce__(self) -> tuple[Any, ...]:
        return Ready, (self.folder,)


def score(folder: Path, workers: int) -> dict[str, Any]:
    """Scores what is missing; runs in a process of its own."""
    is_decoded = folder.name == "decoded"
    pool = ShardPool(folder / "shards") if is_decoded else Ready(folder / "shards")
    drawn, transform = Drawn(), EvalTransform((256, 128) if is_decoded else (16, 8))
    spaces = [FeatureSpace(name, getattr(drawn, name), transform, name) for name in ("source", "target")]
    codes = CodeWriter(spaces[0], folder / "codes.bin", len(pool))
    scorers = [ForgettingScorer(spaces[0], spaces[1:]), codes, *([ImageQuality()] if is_decoded else [])]
    settings = PassSettings(batch_size=256, workers=workers, decoder="turbo")
    told: list[tuple[float, int]] = []
    before, start = resident("VmRSS"), time.perf_counter()
    score_pool(
        pool, scorers, folder, settings=settings, progress=lambda done, total: told.append((time.perf_counter(), done))
    )
    codes.close()
    passed = told[-1][0] - told[0][0]
    return {
        "rows": len(pool),
        "this_run": told[-1][1] - told[0][1],
        "rows_per_second": (told[-1][1] - told[0][1]) / passed,
        "merging": time.perf_counter() - max(told[-1][0], start),
        "memory": resident("VmHWM"),
        "memory_over_imports": resident("VmHWM") - before,
        "memory_of_a_worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10,
    }


def select(folder: Path) -> dict[str, Any]:
    """Chooses the upper half; runs in a process of its own."""
    before, start = resident("VmRSS"), time.perf_counter()
    scores = ScoreFile(folder / "scores.parquet")
    kept = choose(scores, Choice(0.5, ("cfs",)))
    chosen = time.perf_counter()
    write_kept(scores, kept, folder)
    written = time.perf_counter()
    return {
        "kept": kept.count,
        "choosing": chosen - start,
        "writing": written - chosen,
        "memory": resident("VmHWM"),
        "memory_over_imports": resident("VmHWM") - before,
    }


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


def costs(rate: float | None, decoded: float) -> list[str]:
    """What the pass over LUPerson takes on H100s, from images per second of both proxies and of a decoding core."""
    estimated = SHARE * PEAK / (GIGAFLOP * 1e9)
    what = f"{rate:,.0f} images/s, as given" if rate else f"{estimated:,.0f} images/s, assumed and not measured"
    rate = rate or estimated
    lines = [f"Both ViT-S proxies on one H100: {what}.", "", "| H100s | images/s | LUPerson |", "|---:|---:|---:|"]
    lines += [f"| {count} | {count * rate:,.0f} | {LUPERSON / count / rate / 60:.1f} minutes |" for count in (1, 8)]
    cores = f"{rate / decoded:.0f} cores for each H100, at the {decoded:,.0f} images/s of the one above"
    return [*lines, "", f"Decoding is the bound below {cores}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=LUPERSON)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--forward-rate", type=float, help="images/s of both proxies on one H100")
    parser.add_argument("--part", choices=("score", "select"), help="used inside")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    ready, decoded = arguments.folder / "ready", arguments.folder / "decoded"
    if arguments.part == "score":
        print(json.dumps(score(arguments.folder, arguments.workers)))
        return
    if arguments.part == "select":
        print(json.dumps(select(arguments.folder)))
        return
    for folder, rows in ((ready, arguments.rows), (decoded, DECODED)):
        if not (folder / "shards" / "shards.json").is_file() or len(open_pool(folder / "shards")) != rows:
            write_pool(folder, rows)
    results = [in_a_process("score", folder, arguments.workers) for folder in (ready, decoded)]
    chosen = in_a_process("select", ready, arguments.workers)
    publish(page(results, chosen, arguments.workers, arguments.forward_rate), arguments.output)


def page(results: list[dict[str, Any]], chosen: dict[str, Any], workers: int, rate: float | None) -> list[str]:
    lines = heading(
        "Filtering at LUPerson's size",
        "python benchmarks/filtering_scale.py FOLDER",
        f"Features of {WIDTH} numbers are drawn at random in place of two proxies. Loader ({workers} worker(s)), "
        "resizing, codes for near duplicates, score, blocks, joining, choice and the kept manifest are real; reading "
        "(CRC, turbo) and sharpness are in the second line, which says what a core decodes. The rows of the index lead "
        "to 64 images of one tar, which stays in memory.",
    )
    lines += ["| pass | rows | rows/s | joining blocks and manifest | memory | of it beyond imports | of a worker |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for name, one in zip(("pixels that are there", "JPEGs of 256x128, 12 kB"), results, strict=True):
        lines.append(
            f"| {name} | {one['rows']:,} | {one['rows_per_second']:,.0f} | {one['merging']:.1f} s | "
            f"{one['memory']:,.0f} MiB | {one['memory_over_imports']:,.0f} MiB | {one['memory_of_a_worker']:,.0f} MiB |"
        )
    lines += [
        "",
        f"Choosing the upper half of {results[0]['rows']:,} scores, with how the choices by each score agree: "
        f"**{chosen['choosing']:.1f} s**; writing the manifest of the {chosen['kept']:,} kept: "
        f"{chosen['writing']:.1f} s; memory {chosen['memory']:,.0f} MiB, of it "
        f"**{chosen['memory_over_imports']:,.0f} MiB** beyond imports (goal: seconds, below 500 MiB).",
        "",
        *costs(rate, results[1]["rows_per_second"]),
    ]
    return lines


if __name__ == "__main__":
    main()
