"""Generators depend on all of their numbers and on nothing else."""

from collections import Counter

import numpy as np
import pytest

from resight.data.synthetic.chance import Stream, generator, pick


def test_each_number_changes_the_stream() -> None:
    keys = [(0, Stream.IMAGE), (1, Stream.IMAGE), (0, Stream.TRACK), (0, Stream.IMAGE, 0), (0, Stream.IMAGE, 0, 0),
            (0, Stream.IMAGE, 1, 0), (0, Stream.IMAGE, 0, 1)]  # fmt: skip
    assert len({float(generator(*key).random()) for key in keys}) == len(keys)


def test_same_numbers_give_the_same_stream() -> None:
    assert generator(5, Stream.PERSON, 2).random() == generator(5, Stream.PERSON, 2).random()


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=">= 0"):
        generator(0, Stream.PERSON, -1)


def test_pick_follows_the_weights() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(pick(rng, "abc", (1, 0, 3)) for _ in range(2000))
    assert counts["b"] == 0
    assert 0.2 < counts["a"] / 2000 < 0.3
