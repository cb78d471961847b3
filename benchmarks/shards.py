"""Images per second and core from tar shards, beside the same JPEGs as files and in an LMDB.

python benchmarks/shards.py --output benchmarks/results/shards_HARDWARE_YYYYMM.md
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import lmdb
import numpy as np
from page import heading, publish
from PIL import Image

from resight.data.pool import Pool, open_pool
from resight.data.pool_order import PoolSampler
from resight.data.shards.pack import pack

BATCH = 64
KINDS = 64  # distinct images; the others are copies under other names


def jpegs() -> list[bytes]:
    """256x128 crops of smooth noise, as large as LUPerson's on average (some 12 kB)."""
    rng = np.random.default_rng(0)
    encoded = []
    for _ in range(KINDS):
        image = Image.fromarray(rng.integers(0, 256, (32, 16, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        image.resize((128, 256), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
        encoded.append(buffer.getvalue())
    return encoded


def write_files(root: Path, count: int) -> None:
    encoded = jpegs()
    for number in range(count):
        folder = root / f"{number // 1000:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:08d}.jpg").write_bytes(encoded[number % KINDS])


def write_lmdb(files: Pool, folder: Path) -> None:
    size = sum(len(files.read(row)) for row in range(len(files)))
    with lmdb.open(str(folder), map_size=2 * size + (1 << 24)) as environment, environment.begin(write=True) as writer:
        for row in range(len(files)):
            writer.put(f"{row:08d}".encode(), files.read(row))


def pack_by_command(source: Path, target: Path, workers: int) -> None:
    command = [sys.executable, "-m", "resight.cli.main", "data", "shard", source, "-o", target, "--json"]
    subprocess.run([*command, "--rows-per-shard", "500", "--workers", str(workers)], check=True, capture_output=True)


def forget(root: Path) -> None:
    """Drops the bytes of all files below from the page cache; names and places stay cached."""
    if os.fork() == 0:  # an LMDB that is open stays in memory; it is closed before a fork
        os._exit(0)
    os.wait()
    os.sync()
    for path in root.rglob("*"):
        if path.is_file():
            number = os.open(path, os.O_RDONLY)
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(number)


def read(pool: Pool, batches: Sequence[Sequence[int]], *, announce: bool = True, decode: bool = False) -> None:
    for batch in batches:
        rows = [int(row) for row in batch]
        if announce:
            pool.announce(rows)
        for row in rows:
            if decode:
                pool.pixels(row)
            else:
                pool.read(row)


def rates(
    runs: dict[str, Callable[[], object]], count: int, rounds: int, prepare: Callable[[], None]
) -> dict[str, np.ndarray]:
    """Images per second of each way, (rounds,); all ways in every round."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            prepare()
            started = time.perf_counter()
            run()
            found[name].append(count / (time.perf_counter() - started))
    return {name: np.array(values) for name, values in found.items()}


def table(title: str, found: dict[str, np.ndarray]) -> list[str]:
    base = next(iter(found.values()))
    lines = ["", f"| {title} | images/s | ratio |", "|---|---|---|"]
    for name, values in found.items():
        lines.append(f"| {name} | {np.median(values):,.0f} | {np.median(values / base):.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    count, rounds = arguments.images, arguments.rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_files(root / "files", count)
        files = open_pool(root / "files")
        write_lmdb(files, root / "lmdb")
        pack(files.manifest(), root / "shards", rows_per_shard=1000)
        pools = {"files": files, "shards": open_pool(root / "shards"), "LMDB": open_pool(root / "lmdb")}
        order = PoolSampler(count, batch_size=BATCH).epoch(0)
        runs = PoolSampler(count, batch_size=BATCH, run=64, window=16).epoch(0)
        lines = heading(
            "Reading a pool: tar shards, files, LMDB",
            "python benchmarks/shards.py",
            f"{count:,} JPEGs of 256x128, {sum(map(len, jpegs())) / KINDS / 1000:.1f} kB on average; one process, "
            f"batches of {BATCH} in random order; median of {rounds} rounds, all ways in each; ratio within a round. "
            "From the disk: the files' bytes, not their names, are dropped from memory before each way.",
        )
        warm = {name: (lambda pool=pool: read(pool, order)) for name, pool in pools.items()}
        lines += table("bytes, from the page cache", rates(warm, count, rounds, lambda: None))
        decoded = {name: (lambda pool=pool: read(pool, order, decode=True)) for name, pool in pools.items()}
        lines += table("bytes and decoding, from the page cache", rates(decoded, count, rounds, lambda: None))
        shards = pools["shards"]
        cold = {
            "files": lambda: read(files, order),
            "LMDB": lambda: read(pools["LMDB"], order),
            "shards, one image after the other": lambda: read(shards, order, announce=False),
            "shards, batch announced": lambda: read(shards, order),
            "shards, batch announced, runs of 64": lambda: read(shards, runs),
        }
        lines += table("bytes, from the disk", rates(cold, count, rounds, lambda: forget(root)))
        target = root / "target"
        packing = {
            f"--workers {workers}": lambda workers=workers: pack_by_command(root / "files", target, workers)
            for workers in (1, 2)
        }
        lines += table(
            "`resight data shard`, start included",
            rates(packing, count, rounds, lambda: shutil.rmtree(target, ignore_errors=True)),
        )
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
