"""k-reciprocal re-ranking as slow loops over a full matrix, written from the definition in the simplest words."""

import math
from collections.abc import Sequence

Matrix = list[list[float]]


def squared_distances(rows: Sequence[Sequence[float]]) -> Matrix:
    return [[sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) for other in rows] for one in rows]


def ranking(distances: Matrix) -> list[list[int]]:
    """Of each row all others and itself, nearest first, equal distances by row."""
    return [sorted(range(len(line)), key=lambda j, line=line: (line[j], j)) for line in distances]


def reciprocal(ranks: list[list[int]], i: int, length: int) -> set[int]:
    return {j for j in ranks[i][:length] if i in ranks[j][:length]}


def expanded(ranks: list[list[int]], i: int, whole: int, half: int) -> set[int]:
    own = reciprocal(ranks, i, whole)
    result = set(own)
    for j in own:
        candidates = reciprocal(ranks, j, half)
        if 3 * len(candidates & own) > 2 * len(candidates):
            result |= candidates
    return result


def codes(distances: Matrix, ranks: list[list[int]], whole: int, half: int, k2: int) -> Matrix:
    """(N, N) weights: exp(-distance) over the expanded set, of sum 1, then averaged over the k2 nearest."""
    total = len(distances)
    result = []
    for i in range(total):
        members = expanded(ranks, i, whole, half)
        weights = {j: math.exp(-distances[i][j]) for j in members}
        result.append([weights.get(j, 0.0) / sum(weights.values()) if members else 0.0 for j in range(total)])
    if k2 == 1:
        return result
    nearest = [line[:k2] for line in ranks]
    return [[sum(result[j][c] for j in line) / len(line) for c in range(total)] for line in nearest]


def jaccard(one: Sequence[float], other: Sequence[float]) -> float:
    shared = sum(min(a, b) for a, b in zip(one, other, strict=True))
    return 1 - shared / (2 - shared)


def rerank(
    query: Sequence[Sequence[float]], gallery: Sequence[Sequence[float]], k1: int, k2: int, weight: float
) -> Matrix:
    """(Q, G) re-ranked distances."""
    raw = squared_distances([*query, *gallery])
    largest = [max(line) for line in raw]
    normalised = [
        [value / most if most > 0 else 0.0 for value in line] for line, most in zip(raw, largest, strict=True)
    ]
    weights = codes(normalised, ranking(raw), k1 + 1, round(k1 / 2) + 1, k2)
    rows, columns = range(len(query)), range(len(query), len(raw))
    return [[(1 - weight) * jaccard(weights[i], weights[j]) + weight * normalised[i][j] for j in columns] for i in rows]


def clustering(rows: Sequence[Sequence[float]], k1: int, k2: int) -> Matrix:
    """(N, N) Jaccard distances of rows of unit length."""
    raw = squared_distances(rows)
    ranks = [line[:k1] for line in ranking(raw)]
    weights = codes(raw, ranks, k1, round(k1 / 2) + 1, k2)
    return [[max(jaccard(one, other), 0.0) for other in weights] for one in weights]
