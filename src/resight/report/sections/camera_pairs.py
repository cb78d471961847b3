"""Which pair of cameras fails: queries of one camera in the gallery of another."""

from collections.abc import Sequence

import numpy as np

from resight.evaluation.camera_pairs import CameraPairs
from resight.report.run_result import RunResult
from resight.report.sections.rank_lists import sampling
from resight.report.sections.section import Context, color_of, legend
from resight.report.thumbnails import Thumbnails

MAX_CAMERAS = 24
MAX_TABLES = 6


def camera_pairs(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """A table for each run, the first six; None with one camera or none. Colours are the same in all tables."""
    del pictures
    every = [(i, run.figures.camera_pairs) for i, run in enumerate(runs) if run.figures and run.figures.camera_pairs]
    found = [(i, busiest(pairs)) for i, pairs in every if len(pairs.cameras) > 1 and pairs.pairs()][:MAX_TABLES]
    if not found:
        return None
    values = np.concatenate([pairs.mean_ap[pairs.num_queries > 0] for _, pairs in found])
    low, high = float(values.min()), float(values.max())
    return {
        "tables": [_table(i, runs[i], pairs, low, high) for i, pairs in found],
        "runs": legend(runs, [i for i, _ in found]),
        "low": f"{100 * low:.0f} %",
        "high": f"{100 * high:.0f} %",
        "sampled": sampling(runs),
    }


def busiest(pairs: CameraPairs) -> CameraPairs:
    """The cameras with the most queries, 24 at most, in their order."""
    if len(pairs.cameras) <= MAX_CAMERAS:
        return pairs
    weight = pairs.num_queries.sum(0) + pairs.num_queries.sum(1)
    kept = np.sort(np.argsort(-weight, kind="stable")[:MAX_CAMERAS])
    block = np.ix_(kept, kept)
    names = tuple(pairs.cameras[i] for i in kept)
    return CameraPairs(names, pairs.mean_ap[block], pairs.rank_1[block], pairs.num_queries[block])


def _table(index: int, run: RunResult, pairs: CameraPairs, low: float, high: float) -> Context:
    names = ["?" if name is None else name for name in pairs.cameras]
    ordered = pairs.pairs()
    hardest, easiest = ordered[0], ordered[-1]
    rows = []
    for i, name in enumerate(names):
        cells = []
        for j in range(len(names)):
            count = int(pairs.num_queries[i, j])
            cells.append(
                {
                    "count": count,
                    "mean_ap": f"{100 * pairs.mean_ap[i, j]:.0f}" if count else "",
                    "rank_1": f"{100 * pairs.rank_1[i, j]:.0f}" if count else "",
                    "share": round((float(pairs.mean_ap[i, j]) - low) / max(high - low, 1e-12), 3) if count else 0.0,
                    "is_hardest": (pairs.cameras[i], pairs.cameras[j]) == hardest[:2],
                }
            )
        rows.append({"name": name, "cells": cells})
    return {
        "run": index,
        "name": run.name,
        "color": color_of(index),
        "names": names,
        "rows": rows,
        "hardest": hardest,
        "easiest": easiest,
        "num_left_out": len(run.figures.camera_pairs.cameras) - len(names)
        if run.figures and run.figures.camera_pairs
        else 0,
    }
