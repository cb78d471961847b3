"""Retrieval metrics as slow loops, written from the definition in the simplest words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Row:
    """One query or gallery row."""

    pid: str | None
    camid: str | None = None
    junk: bool = False
    image: str = ""


def relevance(distances: Sequence[float], query: Row, gallery: Sequence[Row], cross_camera: bool) -> list[bool]:
    """Right or wrong for each gallery row that counts, closest first; equal distances in gallery order."""
    order = sorted(range(len(gallery)), key=lambda row: (distances[row], row))
    flags = []
    for row in order:
        other = gallery[row]
        same_pid = other.pid is not None and other.pid == query.pid
        same_camera = other.camid is not None and other.camid == query.camid
        if other.junk or (cross_camera and same_pid and same_camera):
            continue
        if not cross_camera and other.image == query.image:
            continue
        flags.append(same_pid and not query.junk)
    return flags


def average_precision(flags: Sequence[bool]) -> float:
    """Mean over the right rows of the share of right rows up to there; NaN without a right row."""
    precisions = [sum(flags[: i + 1]) / (i + 1) for i, right in enumerate(flags) if right]
    return sum(precisions) / len(precisions) if precisions else math.nan


def inverse_negative_penalty(flags: Sequence[bool]) -> float:
    places = [i + 1 for i, right in enumerate(flags) if right]
    return len(places) / places[-1] if places else math.nan


def metrics(
    distances: Sequence[Sequence[float]],
    query: Sequence[Row],
    gallery: Sequence[Row],
    *,
    cross_camera: bool = True,
    max_rank: int = 50,
) -> dict[str, object]:
    """All metrics; None for the means where no query has a match."""
    lists = [relevance(distances[i], query[i], gallery, cross_camera) for i in range(len(query))]
    valid = [flags for flags in lists if any(flags)]
    result: dict[str, object] = {"average_precision": [average_precision(flags) for flags in lists]}
    result["num_valid"] = len(valid)
    if valid:
        result["mean_ap"] = sum(average_precision(flags) for flags in valid) / len(valid)
        result["mean_inp"] = sum(inverse_negative_penalty(flags) for flags in valid) / len(valid)
        result["cmc"] = [sum(any(flags[:k]) for flags in valid) / len(valid) for k in range(1, max_rank + 1)]
    return result
