"""k-reciprocal re-ranking, streamed into the metrics, against the plain matrix product of all images with each other.

python benchmarks/reranking.py --output benchmarks/results/reranking_HARDWARE_YYYYMM.md

With --parts, the other sections of the page stay as they are.
"""

import argparse
import functools
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from clustered import SIZES, Clustered, clustered
from literal_reranking import literal_rerank
from page import measured, publish_sections
from rounds import interleaved, peak_memory, report_memory
from torch import Tensor

from resight.evaluation import metrics
from resight.functional import (
    Matching,
    MatchRanks,
    Rerank,
    rank_matches,
    rerank_blocks,
    rerank_matrix,
    squared_euclidean_distance,
)
from resight.functional.rank_counter import RankCounter

SETTINGS = {"20/6": Rerank(20, 6, 0.3), "50/15": Rerank(50, 15, 0.3)}
TARGETS = {"20/6": "<= 1.5x, <= 0.9 GB", "50/15": "<= 2.4x"}
SMALL = (800, 4_000, 250, 6)  # for the literal code, whose memory grows with the square
ROWS, COLUMNS = 512, 1_024  # of the product at a time: the quickest portions found on this machine
SAMPLES = 6  # portions of the product at each of the three times when it is sampled
Pieces = Callable[[Tensor, Tensor], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--only", choices=MEMORY, help="do this alone and print the memory that it took")
    arguments = parser.parse_args()
    if arguments.only:
        report_memory(MEMORY[arguments.only])
        return
    intro = [
        "# k-reciprocal re-ranking",
        "",
        "Random features of dimension 768 (`benchmarks/clustered.py`), float32. *Product*: the inner products of all N "
        f"images with all N images and nothing else, {ROWS} rows at a time into one buffer; *in tiles*: {ROWS} by "
        f"{COLUMNS:,}, which stay in the cache. Ratios are medians of those within a round, all ways in each round; "
        "memory is the peak of a fresh process, imports and features included.",
        "",
    ]
    sections = {}
    for part in arguments.parts:
        title, *lines = PARTS[part](arguments.rounds)
        command = f"python benchmarks/reranking.py --parts {part} --rounds {arguments.rounds}"
        sections[title] = [measured(command), *lines]
    publish_sections(intro, sections, arguments.output)


def market(rounds: int) -> list[str]:
    data = market_data()
    ways: dict[str, Callable[[], object]] = {
        "product": lambda: product(data, plain),
        "product in tiles": lambda: product(data, tiled),
    }
    for name, settings in SETTINGS.items():
        ways[name] = lambda settings=settings: streamed(data, settings)
    seconds = interleaved(ways, rounds)
    lines = [
        f"Market-1501 size, N = {len(data.query) + len(data.gallery):,}, streamed into the metrics",
        "",
        "| | s (median) | x product | x product in tiles | peak | mAP | target |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name in ways:
        peak = in_gb(peak_memory(__file__, "--only", name)[0]) if name in SETTINGS else ""
        found = mean_ap(streamed(data, SETTINGS[name])) if name in SETTINGS else ""
        ratios = " | ".join(ratio(seconds, name, to) for to in ("product", "product in tiles"))
        lines.append(
            f"| {name} | {np.median(seconds[name]):.2f} | {ratios} | {peak} | {found} | {TARGETS.get(name, '')} |"
        )
    matrix, features = (in_gb(peak_memory(__file__, "--only", what)[0]) for what in ("matrix", "features"))
    return [
        *lines,
        "",
        f"mAP without re-ranking: {mean_ap(not_reranked(data))}. Peak with imports and features alone: {features}; of "
        f"20/6 with the result as one matrix of {len(data.query) * len(data.gallery) * 4 / 1e9:.2f} GB: {matrix}.",
    ]


def literal(rounds: int) -> list[str]:
    """The literal code at a size that it can do."""
    data = clustered(*SMALL)
    sides = data.query.numpy(), data.gallery.numpy()
    lines = [
        f"Literal official code, N = {SMALL[0] + SMALL[1]:,} ({SMALL[0]:,} queries)",
        "",
        "Full matrices and Python loops, weights in float16 as released (`benchmarks/literal_reranking.py`); both give "
        "the whole matrix. Differences: the largest of all entries.",
        "",
        "| | literal, s | ours, s | literal / ours | difference to it in float32 | in float16 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, settings in SETTINGS.items():
        numbers = (settings.k1, settings.k2, settings.weight)
        ways: dict[str, Callable[[], object]] = {
            "ours": lambda settings=settings: rerank_matrix(data.query, data.gallery, settings),
            "literal": lambda numbers=numbers: literal_rerank(*sides, *numbers),
        }
        seconds = interleaved(ways, min(rounds, 2))
        ours = rerank_matrix(data.query, data.gallery, settings).numpy()
        others = [literal_rerank(*sides, *numbers, weight_type=kind) for kind in (np.float32, np.float16)]
        differences = " | ".join(f"{np.abs(ours - other).max():.1e}" for other in others)
        lines.append(
            f"| {name} | {np.median(seconds['literal']):.1f} | {np.median(seconds['ours']):.2f} | "
            f"{ratio(seconds, 'literal', 'ours')} | {differences} |"
        )
    return lines


def msmt17(rounds: int) -> list[str]:
    """One run; the product, which would take longer, is sampled before, between and after."""
    streamed(clustered(*SMALL), SETTINGS["20/6"])  # loads the kernels
    data = clustered(*SIZES["MSMT17"])
    total, counter = len(data.query) + len(data.gallery), RankCounter(matching(data))
    samples = sampled(data)
    begin, between, first = time.perf_counter(), 0.0, 0.0
    for rows, block in rerank_blocks(data.query, data.gallery, SETTINGS["20/6"]):
        if not first:
            first = time.perf_counter() - begin
            samples += sampled(data)
            between = time.perf_counter() - begin - first
        counter.add(rows, block)
    found = counter.result()
    seconds = time.perf_counter() - begin - between
    samples += sampled(data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # or that of the shell that started it
    bounds = np.median(samples, axis=0) * total / ROWS
    return [
        f"MSMT17 size, N = {total:,}, 20/6, streamed into the metrics",
        "",
        f"One run: {seconds:.1f} s, of them {first:.1f} s until the first block. The product takes {bounds[0]:.1f} s, "
        f"in tiles {bounds[1]:.1f} s: extrapolated from {len(samples)} portions of {ROWS} rows by all N in the same "
        "process, a third each before, between and after. So re-ranking with metrics takes "
        f"**{seconds / bounds[0]:.2f}x the product** (target 1.25x), {seconds / bounds[1]:.2f}x the product in tiles. "
        f"Peak of this process, {ROWS * total * 4 / 1e9:.2f} GB for the samples' buffer included: **{peak:.2f} GB** "
        "(target 2.0 GB). "
        f"mAP {mean_ap(not_reranked(data))} -> {mean_ap(found)}.",
    ]


def market_data() -> Clustered:
    return clustered(*SIZES["Market-1501"])


def product(data: Clustered, pieces: Pieces) -> None:
    for side in (data.query, data.gallery):
        for rows in side.split(ROWS):
            pieces(rows, data.query)
            pieces(rows, data.gallery)


def plain(rows: Tensor, others: Tensor) -> None:
    torch.mm(rows, others.T, out=buffer(len(rows) * len(others)).view(len(rows), len(others)))


def tiled(rows: Tensor, others: Tensor) -> None:
    for columns in others.split(COLUMNS):
        plain(rows, columns)


@functools.cache
def buffer(size: int) -> Tensor:
    return torch.empty(size)


def sampled(data: Clustered) -> list[tuple[float, float]]:
    """Seconds of some portions of rows of the product, plain and in tiles."""
    works = {name: iter(data.gallery.split(ROWS)) for name in ("plain", "tiled")}
    pieces = {"plain": plain, "tiled": tiled}

    def portion(name: str) -> None:
        rows = next(works[name])
        pieces[name](rows, data.query)
        pieces[name](rows, data.gallery)

    seconds = interleaved({name: functools.partial(portion, name) for name in works}, SAMPLES)
    return list(zip(seconds["plain"], seconds["tiled"], strict=True))


def streamed(data: Clustered, settings: Rerank) -> MatchRanks:
    counter = RankCounter(matching(data))
    for rows, block in rerank_blocks(data.query, data.gallery, settings):
        counter.add(rows, block)
    return counter.result()


def not_reranked(data: Clustered) -> MatchRanks:
    return rank_matches(data.query, data.gallery, matching(data), distance=squared_euclidean_distance)


def matching(data: Clustered) -> Matching:
    sides = ((data.query_pid, data.query_camera), (data.gallery_pid, data.gallery_camera))
    query, gallery = (pid * 1_000 + camera for pid, camera in sides)
    codes = (data.query_pid, data.gallery_pid, query, gallery, np.ones(len(gallery), dtype=np.bool_))
    return Matching(*map(torch.from_numpy, codes))


def mean_ap(found: MatchRanks) -> str:
    return f"{np.nanmean(metrics.average_precision(found)):.4f}"


def ratio(seconds: dict[str, list[float]], name: str, to: str) -> str:
    return f"{np.median(np.array(seconds[name]) / np.array(seconds[to])):.2f}"


def in_gb(gibibytes: float) -> str:
    return f"{gibibytes * 2**30 / 1e9:.2f} GB"


PARTS = {"market": market, "literal": literal, "msmt17": msmt17}
MEMORY: dict[str, Callable[[], object]] = {
    "features": market_data,
    **{name: lambda settings=settings: streamed(market_data(), settings) for name, settings in SETTINGS.items()},
    "matrix": lambda: rerank_matrix(*market_data()[:2], SETTINGS["20/6"]),
}

if __name__ == "__main__":
    main()
