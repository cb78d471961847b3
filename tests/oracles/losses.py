"""Losses as slow loops over pairs of rows, written from the definition in the simplest words: numbers in and out."""

import math
from collections.abc import Hashable, Sequence

Vector = Sequence[float]


def distance(a: Vector, b: Vector) -> float:
    return max(math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True))), 1e-6)


def cosine(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def batch_hard_triplet(
    features: Sequence[Vector], labels: Sequence[Hashable], margin: float | None = None, hard_factor: float = 0.0
) -> float:
    losses = []
    for anchor, label in zip(features, labels, strict=True):
        rows = list(zip(features, labels, strict=True))
        positive = max(distance(anchor, other) for other, name in rows if name == label)
        negative = min(distance(anchor, other) for other, name in rows if name != label)
        gap = positive * (1 + hard_factor) - negative * (1 - hard_factor)
        losses.append(math.log1p(math.exp(gap)) if margin is None else max(gap + margin, 0.0))
    return sum(losses) / len(losses)


def cross_entropy(logits: Sequence[Vector], labels: Sequence[int], smoothing: float = 0.0) -> float:
    losses = []
    for row, label in zip(logits, labels, strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        target = [smoothing / len(row) + (1 - smoothing) * (number == label) for number in range(len(row))]
        losses.append(sum(share * (log_sum - value) for share, value in zip(target, row, strict=True)))
    return sum(losses) / len(losses)


def contrastive(features: Sequence[Vector], labels: Sequence[Hashable], margin: float) -> float:
    total = 0.0
    for i, a in enumerate(features):
        for j, b in enumerate(features):
            similarity = sum(x * y for x, y in zip(a, b, strict=True))
            if labels[i] == labels[j] and i != j:
                total += max(1 - similarity, 0.0)
            elif labels[i] != labels[j] and similarity > margin:
                total += similarity
    return total / len(labels)


def supervised_contrastive(features: Sequence[Vector], labels: Sequence[Hashable], temperature: float) -> float:
    losses = []
    for i, a in enumerate(features):
        others = [j for j in range(len(features)) if j != i]
        weights = {j: math.exp(cosine(a, features[j]) / temperature) for j in others}
        positives = [j for j in others if labels[j] == labels[i]]
        if positives:
            losses.append(-sum(math.log(weights[j] / sum(weights.values())) for j in positives) / len(positives))
    return sum(losses) / len(losses)


def center(features: Sequence[Vector], centers: Sequence[Vector], labels: Sequence[int]) -> float:
    squares = [
        sum((x - y) ** 2 for x, y in zip(row, centers[label], strict=True))
        for row, label in zip(features, labels, strict=True)
    ]
    return sum(squares) / len(squares)


def arcface_logit(cosine: float, is_own: bool, scale: float, margin: float) -> float:
    if not is_own:
        return scale * cosine
    angle = math.acos(cosine)
    if angle + margin < math.pi:
        return scale * math.cos(angle + margin)
    return scale * (cosine - margin * math.sin(math.pi - margin))


def cosface_logit(cosine: float, is_own: bool, scale: float, margin: float) -> float:
    return scale * (cosine - margin) if is_own else scale * cosine


def circle_logit(cosine: float, is_own: bool, scale: float, margin: float) -> float:
    if is_own:
        return scale * max(0.0, 1 + margin - cosine) * (cosine - (1 - margin))
    return scale * max(0.0, cosine + margin) * (cosine - margin)
