"""Cost of mAP, CMC and mINP over that of the matrix product alone, and what memory they take.

python benchmarks/evaluation.py --output benchmarks/results/evaluation_HARDWARE_YYYYMM.md

With --only, the other sections of the page stay as they are.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import literal_evaluation
import numpy as np
import torch
from clustered import SIZES, Clustered, clustered
from page import measured, publish_sections
from rounds import interleaved, peak_memory, report_memory

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


def ratio(seconds: list[float], bound: list[float]) -> str:
    """Median of the per-round ratios, and their range."""
    ratios = np.array(seconds) / np.array(bound)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"


def first_queries(data: Clustered, count: int) -> Clustered:
    return data._replace(
        query=data.query[:count], query_pid=data.query_pid[:count], query_camera=data.query_camera[:count]
    )


def market(rounds: int) -> list[str]:
    return timed("Market-1501", rounds, 3368)


def msmt17(rounds: int) -> list[str]:
    return timed("MSMT17", min(3, rounds), 500)


def timed(size: str, rounds: int, literal_queries: int) -> list[str]:
    """The product, ours, and the literal evaluation of some of the queries."""
    data = clustered(*SIZES[size])
    rows = manifests(data)
    part = first_queries(data, literal_queries)
    report = ours(part, (rows[0].select(np.arange(literal_queries)), rows[1]))
    seconds = interleaved(
        {"product": lambda: product(data), "tiled": lambda: tiled_product(data), "ours": lambda: ours(data, rows)},
        rounds,
    )
    literal = interleaved(
        {"product": lambda: product(part), "literal": lambda: literal_evaluation.evaluate(part)}, 2, warm_up=False
    )
    mean_ap, cmc = literal_evaluation.evaluate(part, kind="stable")
    what = f"{len(data.query):,} x {len(data.gallery):,} x {data.query.shape[1]}"
    return [
        f"Rounds: {rounds}, of the literal code 2.",
        "",
        "| size | work | seconds | times the product |",
        "|---|---|---|---|",
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
    seconds = interleaved(works, rounds)
    return [
        f"Rounds: {rounds}.",
        "",
        "| features and distance | times the float32 product |",
        "|---|---|",
        *(f"| {name} | {ratio(seconds[name], seconds['product'])} |" for name in VARIANTS),
    ]


def memory(rounds: int) -> list[str]:
    """Every round in a process of its own, which loads the features from files; the largest of them counts."""
    lines = [
        f"Fresh processes, {rounds} for each size; the largest counts. *Before*: resident memory of Python, torch, "
        "features and rows. *Beyond*: how far the peak of the whole process (VmHWM), that of loading included, lies "
        "above; numba and its compiler are in it.",
        "",
        "| size | before, GB | peak, GB | beyond the features, GB | target |",
        "|---|---|---|---|---|",
    ]
    for size, target in (("Market-1501", ""), ("MSMT17", "<= 0.3")):
        peaks = np.array(peaks_of(size, rounds)) * 2**30 / 1e9
        peak, beyond = peaks[peaks[:, 1].argmax()]
        lines.append(f"| {size} | {peak - beyond:.2f} | {peak:.2f} | {beyond:.2f} | {target} |")
    return lines


def peaks_of(size: str, rounds: int) -> list[tuple[float, float]]:
    """(peak, growth) in GiB of processes that evaluate features of this size."""
    with tempfile.TemporaryDirectory() as folder:
        for name, values in clustered(*SIZES[size])._asdict().items():
            np.save(Path(folder) / f"{name}.npy", np.asarray(values))
        return [peak_memory(__file__, "--stored", folder) for _ in range(rounds)]


def evaluate_stored(folder: Path) -> None:
    """Prints the memory that evaluating these features takes."""
    values = [np.load(folder / f"{name}.npy") for name in Clustered._fields]
    data = Clustered(*map(torch.from_numpy, values[:2]), *values[2:])
    rows = manifests(data)
    report_memory(lambda: ours(data, rows))


PARTS = {
    "market": ("Market-1501 size", market),
    "msmt17": ("MSMT17 size", msmt17),
    "variants": ("Other distances and types, Market-1501 size", variants),
    "memory": ("Memory", memory),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rounds", type=int, default=7, help="at MSMT17 size it is 3 at most")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--stored", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stored:
        evaluate_stored(arguments.stored)
        return
    intro = [
        "# Evaluation: mAP, CMC and mINP over the cost of the matrix product",
        "",
        f"{torch.get_num_threads()} threads. Clustered random features (`benchmarks/clustered.py`). Works are run in "
        "turn in one process; a ratio is the median over the rounds, its range in brackets. Ours starts from "
        "embeddings and manifest rows.",
        "",
    ]
    sections = {}
    for name in [arguments.only] if arguments.only else list(PARTS):
        title, part = PARTS[name]
        lines = part(arguments.rounds)
        command = f"python benchmarks/evaluation.py --only {name} --rounds {arguments.rounds}"
        sections[title] = [measured(command), "", *lines]
    publish_sections(intro, sections, arguments.output)


if __name__ == "__main__":
    main()
