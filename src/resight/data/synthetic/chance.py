"""Seeded draws: one generator per drawn thing, and a quick weighted choice."""

from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Stream(IntEnum):
    """What a generator is for, so that no two uses of one seed share their numbers."""

    CAMERAS = 0
    PERSON = 1
    TRACK = 2
    IMAGE = 3
    DISTRACTOR = 4
    JUNK = 5
    POOL_PLAN = 6
    POOL_PERSON = 7
    POOL_IMAGE = 8


def generator(seed: int, stream: Stream, *numbers: int) -> np.random.Generator:
    """A generator that depends on these numbers alone, not on what was drawn before.

    Args:
        seed: seed of the whole set, >= 0.
        stream: what the generator is for.
        numbers: which person, camera, index and so on, each >= 0.

    Returns:
        A fresh generator.

    Raises:
        ValueError: if a number is negative.
    """
    if min(seed, *numbers, 0) < 0:
        raise ValueError(f"generator: expected numbers >= 0, got seed {seed} and {numbers}. Use non-negative ones.")
    # The length comes first: SeedSequence does not tell [1] from [1, 0].
    return np.random.default_rng([len(numbers), seed, int(stream), *numbers])


def pick(rng: np.random.Generator, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
    """One of `items`, much faster than `Generator.choice` for a single draw.

    Args:
        rng: where the draw comes from; one number is used.
        items: what to choose from, not empty.
        weights: one weight >= 0 per item, any sum; None for equal ones.

    Returns:
        The chosen item.
    """
    draw = float(rng.random())
    if weights is None:
        return items[int(draw * len(items))]
    steps = list(accumulate(weights))
    return items[min(bisect_right(steps, draw * steps[-1]), len(items) - 1)]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with this probability, a fraction 0..1."""
    return float(rng.random()) < probability


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn evenly from low..high."""
    return low + (high - low) * float(rng.random())
