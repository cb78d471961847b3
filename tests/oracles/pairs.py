"""Verification, open set, camera pairs and calibration as slow loops, written from their definitions."""

from collections.abc import Sequence

from tests.oracles.metrics import Row, average_precision

Distances = Sequence[Sequence[float]]


def counts_for(query: Row, row: Row, cross_camera: bool) -> bool:
    """Whether this gallery row counts for this query."""
    same = row.pid is not None and row.pid == query.pid
    same_camera = row.camid is not None and row.camid == query.camid
    if row.junk or query.junk:
        return False
    return not (same and same_camera) if cross_camera else row.image != query.image


def pairs(
    distances: Distances, query: Sequence[Row], gallery: Sequence[Row], cross_camera: bool = True
) -> tuple[list[float], list[float]]:
    """Distances of the pairs of one identity, and of two."""
    same, different = [], []
    for i, one in enumerate(query):
        for j, row in enumerate(gallery):
            if counts_for(one, row, cross_camera):
                (same if row.pid == one.pid else different).append(distances[i][j])
    return same, different


def auc(same: Sequence[float], different: Sequence[float]) -> float:
    """Share of (same, different) where the first is closer; ties count half."""
    wins = sum((a < b) + 0.5 * (a == b) for a in same for b in different)
    return wins / (len(same) * len(different))


def accepted(values: Sequence[float], threshold: float) -> float:
    return sum(value < threshold for value in values) / len(values)


def tar_at_far(same: Sequence[float], different: Sequence[float], far: float) -> float:
    """Best true accept rate of all thresholds whose false accept rate is not above `far`."""
    thresholds = [0.0, *sorted({*same, *different}), float("inf")]
    return max(accepted(same, at) for at in thresholds if accepted(different, at) <= far)


def open_set(
    distances: Distances,
    query: Sequence[Row],
    gallery: Sequence[Row],
    rate: float,
    kind: str,
    cross_camera: bool = True,
) -> float | None:
    """Detection and identification rate at a false alarm rate; None without known or unknown queries."""
    known, unknown = [], []  # (nearest distance, is right); nearest distance
    for i, one in enumerate(query):
        rows = [
            (distances[i][j], j, row.pid == one.pid)
            for j, row in enumerate(gallery)
            if counts_for(one, row, cross_camera)
        ]
        if not rows:
            continue
        others = [distance for distance, _, right in rows if not right]
        if any(right for _, _, right in rows):
            known.append((min(rows)[0], min(rows)[2]))
            if kind == "removed" and others:
                unknown.append(min(others))
        elif kind == "absent":
            unknown.append(min(others))
    if not known or not unknown:
        return None
    thresholds = [0.0, *sorted({distance for distance, _ in known} | set(unknown)), float("inf")]
    allowed = [at for at in thresholds if accepted(unknown, at) <= rate]
    return max(sum(right and distance < at for distance, right in known) / len(known) for at in allowed)


def camera_pair(
    distances: Distances,
    query: Sequence[Row],
    gallery: Sequence[Row],
    pair: tuple[str | None, str | None],
    cross_camera: bool,
) -> tuple[list[float], list[bool]]:
    """Average precision and "first row is right" of each query of one camera with a match in another one alone."""
    precisions, firsts = [], []
    for i, one in enumerate(query):
        if one.camid != pair[0] or one.junk:
            continue
        rows = [j for j, row in enumerate(gallery) if row.camid == pair[1] and counts_for(one, row, cross_camera)]
        flags = [gallery[j].pid == one.pid for j in sorted(rows, key=lambda j: (distances[i][j], j))]
        if any(flags):
            precisions.append(average_precision(flags))
            firsts.append(flags[0])
    return precisions, firsts
