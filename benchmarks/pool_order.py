"""Simulation of an epoch over LUPerson's 4,180,243 images by 64 ranks with 8 workers each.

Counts who gets which row, and measures what a rank and its workers hold in memory; no network is trained. The pool is a
real set of shards with an index of that many rows; to save disk its tars are one tar under many names.

python benchmarks/pool_order.py --output benchmarks/results/pool_order_HARDWARE_YYYYMM.md
"""

import argparse
import io
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import heading, publish
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from resight.data.dataset import Draw, SeededBatches
from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool, Pool, ShardPool
from resight.data.pool_order import PoolSampler
from resight.data.shards.layout import INDEX, ShardSet
from resight.data.shards.pack import pack

KEYS, RANKS, WORKERS, BATCH = 4_180_243, 64, 8, 32
ROWS_PER_SHARD = 10_000
MIB = 1 << 20


def count_an_epoch(run: int, drop_last: bool) -> dict[str, Any]:
    """Gives every batch of every rank to a worker, as `DataLoader` does, and counts the rows."""
    seen = np.zeros(KEYS, dtype=np.uint8)
    by_worker = np.zeros((RANKS, WORKERS), dtype=np.int64)
    steps, smallest, near, batches = set(), BATCH, 0, 0
    same = True
    for rank in range(RANKS):
        sampler = PoolSampler(KEYS, batch_size=BATCH, rank=rank, world_size=RANKS, run=run, drop_last=drop_last)
        epoch = sampler.epoch(3)
        if rank % 16 == 0:
            again = sampler.epoch(3)
            same &= all(epoch[step] == again[step] for step in range(len(epoch)))
        steps.add(len(epoch))
        for step, rows in enumerate(epoch):
            seen[rows] += 1
            by_worker[rank, step % WORKERS] += len(rows)
            smallest = min(smallest, len(rows))
            if step % 50 == 0:
                near += int((np.diff(np.sort(np.array(rows) // 64)) == 0).sum())
                batches += 1
    return {
        "steps of every rank": ", ".join(f"{number:,}" for number in sorted(steps)),
        "rows seen once": f"{int((seen == 1).sum()):,}",
        "rows seen twice or more": f"{int((seen > 1).sum()):,}",
        "rows not seen": f"{int((seen == 0).sum()):,}",
        "smallest batch": smallest,
        "rows of a worker, fewest to most": f"{by_worker.min():,} to {by_worker.max():,}",
        "same order when asked again": "yes" if same else "NO",
        "images of a batch beside another of the same 64": f"{near / batches:.3f}",
    }


def large_set(root: Path) -> tuple[ShardPool, ShardPool]:
    """(pool of 10,000 rows, pool of all keys)."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 16), (200, 30, 40)).save(buffer, "JPEG")
    (root / "image.jpg").write_bytes(buffer.getvalue())
    links = root / "links"
    links.mkdir()
    names = [f"{number}.jpg" for number in range(ROWS_PER_SHARD)]
    for name in names:
        os.link(root / "image.jpg", links / name)
    one, many = root / "one", root / "many"
    pack(Manifest.from_columns({"image": names}, links), one, rows_per_shard=ROWS_PER_SHARD)
    many.mkdir()
    small = ShardSet.read(one)
    shards = []
    for number in range(-(-KEYS // ROWS_PER_SHARD)):
        name = f"{number:05d}.tar"
        os.link(one / "00000.tar", many / name)
        rows = min(ROWS_PER_SHARD, KEYS - number * ROWS_PER_SHARD)
        shards.append(replace(small.shards[0], name=name, rows=rows))
    index = np.load(one / INDEX)
    np.save(many / INDEX, np.tile(index, len(shards))[:KEYS])
    ShardSet(tuple(shards), 0, "simulation").write(many)
    return ShardPool(one), ShardPool(many)


def lmdb_rows(count: int) -> ManifestPool:
    """Paths as those of LUPerson's LMDB, in memory; nothing is read from there."""
    keys = [f"data.mdb#{row % 50:02d}_{row % 90:02d}_{row % 9999:04d}_{row:08d}" for row in range(count)]
    return ManifestPool(Manifest.from_columns({"image": keys}, "/lup"))


class Touch(Dataset[Any]):
    """Reads, or only finds the place of, the images of a batch; gives the memory of the worker."""

    def __init__(self, pool: Pool, reads: bool) -> None:
        self.pool = pool
        self.reads = reads

    def __getitems__(self, draws: list[Draw]) -> list[tuple[int, int]]:
        for draw in draws:
            self.pool.read(draw.row) if self.reads else self.pool.key(draw.row)
        return [(os.getpid(), private_bytes())]


def private_bytes() -> int:
    """What this process alone holds, without pages of files, which the system can drop."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_Dirty"))


def worker_memory(pool: Pool, method: str, *, steps: int, reads: bool) -> float:
    """MiB of the largest worker after so many steps of the first rank."""
    sampler = PoolSampler(len(pool), batch_size=BATCH, world_size=RANKS if len(pool) > 1_000_000 else 1)

    def batches() -> Iterator[list[Draw]]:
        for number, draws in enumerate(SeededBatches(sampler.epoch(0), seed=0, epoch=0)):
            if number == steps:
                return
            yield draws

    loader = DataLoader(
        Touch(pool, reads),
        batch_sampler=list(batches()),
        num_workers=WORKERS,
        collate_fn=first_of,
        multiprocessing_context=multiprocessing.get_context(method),
        generator=torch.Generator(),
    )
    largest: dict[int, int] = {}
    for process, size in loader:
        largest[process] = max(largest.get(process, 0), size)
    assert len(largest) == WORKERS
    return max(largest.values()) / MIB


def first_of(samples: list[tuple[int, int]]) -> tuple[int, int]:
    return samples[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--steps", type=int, default=100, help="that the workers of one rank read")
    arguments = parser.parse_args()
    lines = heading(
        f"An epoch over {KEYS:,} images: {RANKS} ranks x {WORKERS} workers",
        "python benchmarks/pool_order.py",
        f"Simulated on one machine; batches of {BATCH}. Memory: pages that a worker shares with no other process, of "
        f"the largest of {WORKERS} after {arguments.steps} steps; a spawned one has its own interpreter with torch.",
    )
    ways = {
        "random": count_an_epoch(1, drop_last=False),
        "random, remainder dropped": count_an_epoch(1, drop_last=True),
        "runs of 64, 256 mixed": count_an_epoch(64, drop_last=False),
    }
    lines += ["", f"| | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for name in next(iter(ways.values())):
        lines.append(f"| {name} | {' | '.join(str(way[name]) for way in ways.values())} |")
    lines += ["", "| pool | memory of a worker alone, MiB: forked | spawned |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        small, large = large_set(Path(folder))
        pools = {
            f"shards, {len(small):,} keys": (small, True),
            f"shards, {len(large):,} keys": (large, True),
            "paths into an LMDB, 10,000 keys": (lmdb_rows(10_000), False),
            f"paths into an LMDB, {KEYS:,} keys": (lmdb_rows(KEYS), False),
        }
        for name, (pool, reads) in pools.items():
            sizes = [worker_memory(pool, way, steps=arguments.steps, reads=reads) for way in ("fork", "spawn")]
            lines.append(f"| {name} | {' | '.join(f'{size:.0f}' for size in sizes)} |")
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
