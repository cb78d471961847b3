"""Cost of mAP, CMC and mINP over that of the matrix product alone, and what memory they take.

python benchmarks/evaluation.py --output benchmarks/results/evaluation_HARDWARE_YYYYMM.md
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import literal_evaluation
import numpy as np
import torch
from clustered import SIZES, Clustered, clustered
from page import heading, publish

from resight.data.manifest import Manifest
from resight.evaluation import Report, evaluate

VARIANTS = {
    "float32, squared Euclidean": (torch.float32, "squared_euclidean"),
    "float32, Euclidean": (torch.float32, "euclidean"),
    "float32, cosine": (torch.float32, "cosine"),
    "bfloat16, squared Euclidean": (torch.bfloat16, "squared_euclidean"),
    "float16, squared Euclidean": (torch.float16, "squared_euclidean"),
}


def product(data: Clustered) -> None:
    """The bound: all products of queries and gallery rows in one buffer, by 512 queries, the quickest portion here."""
    buffer = torch.empty(min(512, len(data.query)), len(data.gallery))
    for part in data.query.split(512):
        torch.mm(part, data.gallery.T, out=buffer[: len(part)])


def tiled_product(data: Clustered) -> None:
    """The same by 1,024 gallery rows at a time, which stay in the cache."""
    buffer = torch.empty(min(512, len(data.query)), len(data.gallery))
    for part in data.query.split(512):
        for start in range(0, len(data.gallery), 1024):
            tile = data.gallery[start : start + 1024]
            torch.mm(part, tile.T, out=buffer[: len(part), start : start + len(tile)])


def manifests(data: Clustered) -> tuple[Manifest, Manifest]:
    """Rows that go with the features, identities and cameras written as data sets write them."""
    sides = (("query", data.query_pid, data.query_camera), ("gallery", data.gallery_pid, data.gallery_camera))
    made = []
    for name, pid, camera in sides:
        columns = {
            "image": [f"{name}/{i}.jpg" for i in range(len(pid))],
            "pid": [f"{i:04d}" for i in pid.tolist()],
            "camid": [f"c{i}" for i in camera.tolist()],
        }
        made.append(Manifest.from_columns(columns, root="/benchmark"))
    return made[0], made[1]


def ours(data: Clustered, rows: tuple[Manifest, Manifest], metric: str = "squared_euclidean") -> Report:
    return evaluate(data.query, rows[0], data.gallery, rows[1], metric=metric)


def interleaved(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each work, A B A B."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: list[float], bound: list[float]) -> str:
    """Median of the per-round ratios, and their range."""
    ratios = np.array(seconds) / np.array(bound)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"


def first_queries(data: Clustered, count: int) -> Clustered:
    return data._replace(
        query=data.query[:count], query_pid=data.query_pid[:count], query_camera=data.query_camera[:count]
    )


def timed(size: str, rounds: int, literal_queries: int, literal_rounds: int) -> list[str]:
    """Lines of the table: the product, ours, and the literal evaluation of some of the queries."""
    data = clustered(*SIZES[size])
    rows = manifests(data)
    part = first_queries(data, literal_queries)
    report = ours(part, (rows[0].select(np.arange(literal_queries)), rows[1]))
    seconds = interleaved(
        {"product": lambda: product(data), "tiled": lambda: tiled_product(data), "ours": lambda: ours(data, rows)},
        rounds,
    )
    literal = interleaved(
        {"product": lambda: product(part), "literal": lambda: literal_evaluation.evaluate(part)}, literal_rounds
    )
    mean_ap, cmc = literal_evaluation.evaluate(part, kind="stable")
    what = f"{size}, {len(data.query):,} x {len(data.gallery):,} x {data.query.shape[1]}"
    return [
        f"| {what} | product alone | {np.median(seconds['product']):.2f} | 1 |",
        f"| | product alone, in tiles | {np.median(seconds['tiled']):.2f} "
        f"| {ratio(seconds['tiled'], seconds['product'])} |",
        f"| | resight.evaluate | {np.median(seconds['ours']):.2f} | {ratio(seconds['ours'], seconds['product'])} |",
        f"| the same, {literal_queries:,} queries | product alone | {np.median(literal['product']):.2f} | 1 |",
        f"| | literal TransReID | {np.median(literal['literal']):.2f} "
        f"| {ratio(literal['literal'], literal['product'])} |",
        f"| | difference of resight to the literal one with a stable sort | mAP {report.mean_ap - mean_ap:.1e}, "
        f"CMC {np.abs(report.cmc - cmc).max():.1e} | |",
    ]


def variants(rounds: int) -> list[str]:
    """Other distances and types of features at Market size."""
    data = clustered(*SIZES["Market-1501"])
    rows = manifests(data)
    works: dict[str, Callable[[], object]] = {"product": lambda: product(data)}
    for name, (dtype, metric) in VARIANTS.items():
        typed = data._replace(query=data.query.to(dtype), gallery=data.gallery.to(dtype))
        works[name] = lambda typed=typed, metric=metric: ours(typed, rows, metric)
    interleaved(works, 1)  # compiles
    seconds = interleaved(works, rounds)
    return [f"| {name} | {ratio(seconds[name], seconds['product'])} |" for name in VARIANTS]


def peaks(size: str) -> tuple[float, float]:
    """Megabytes of a process of its own: with features and rows, and how many more the evaluation took."""
    with tempfile.TemporaryDirectory() as folder:
        data = clustered(*SIZES[size])
        np.savez(Path(folder) / "data.npz", **{name: np.asarray(values) for name, values in data._asdict().items()})
        del data
        command = [sys.executable, __file__, "--child", str(Path(folder) / "data.npz")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    held, more = json.loads(done.stdout)
    return held, more


def child(path: Path) -> None:
    with np.load(path) as stored:
        data = Clustered(*(torch.from_numpy(stored[name]) for name in ("query", "gallery")),
                         *(stored[name] for name in Clustered._fields[2:]))  # fmt: skip
    rows = manifests(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ours(data, rows)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([before, after - before]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rounds", type=int, default=7, help="at Market size; at MSMT17 size it is 3 at most")
    parser.add_argument("--only", choices=["market", "msmt17", "variants", "memory"])
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    lines = heading(
        "Evaluation: mAP, CMC and mINP over the cost of the matrix product",
        "python benchmarks/evaluation.py",
        f"{torch.get_num_threads()} threads. Clustered random features. Works are run in turn in one process; a ratio "
        "is the median over the rounds, its range in brackets. Ours starts from embeddings and manifest rows.",
    )
    wanted = [arguments.only] if arguments.only else ["market", "msmt17", "variants", "memory"]
    if {"market", "msmt17"} & set(wanted):
        lines += ["| size | work | seconds | times the product |", "|---|---|---|---|"]
    if "market" in wanted:
        lines += timed("Market-1501", arguments.rounds, 3368, 2)
    if "msmt17" in wanted:
        lines += timed("MSMT17", min(3, arguments.rounds), 500, 2)
    if "variants" in wanted:
        lines += ["", "| Market size, features and distance | times the float32 product |", "|---|---|"]
        lines += variants(arguments.rounds)
    if "memory" in wanted:
        lines += ["", "| size | peak before, MB | evaluation takes more, MB |", "|---|---|---|"]
        for size in SIZES:
            held, more = peaks(size)
            lines.append(f"| {size} | {held:,.0f} | {more:,.0f} |")
        lines += ["", "Before: Python, torch, features and rows. More: all else, numba and its compiler included."]
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
