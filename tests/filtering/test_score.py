import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from resight.filtering.score import ForgettingScorer, forgetting_score
from resight.filtering.scorer import ScoreBatch
from tests.filtering.toy import SIZE, colour, space, turned


def test_it_is_the_cosine_of_each_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.randn(20, 7, generator=generator) * 5 for _ in range(2))
    expected = [
        sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))
        for a, b in zip(source.tolist(), target.tolist(), strict=True)
    ]
    assert_close(forgetting_score(source, target), torch.tensor(expected))


def test_hand_made_pairs() -> None:
    source = torch.tensor([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    target = torch.tensor([[5.0, 0.0], [-1.0, -1.0], [0.0, 3.0], [1.0, 2.0]])
    assert_close(forgetting_score(source, target), torch.tensor([1.0, -1.0, 0.0, 0.0]))


def test_features_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="two features"):
        forgetting_score(torch.zeros(3, 4), torch.zeros(3, 5))
    with pytest.raises(ValueError, match="at least one target"):
        ForgettingScorer(space(), [])


def batch_of(reds: list[int]) -> ScoreBatch:
    pixels = torch.zeros(len(reds), 3, *SIZE, dtype=torch.uint8)
    pixels[:, 0] = torch.tensor(reds, dtype=torch.uint8)[:, None, None]
    pixels[:, 1] = 100
    return ScoreBatch(np.arange(len(reds)), {(SIZE, "bilinear"): pixels}, {})


def test_the_best_of_several_targets() -> None:
    one = ForgettingScorer(space(), [space(colour, "same")])
    both = ForgettingScorer(space(), [space(turned, "turned"), space(colour, "same")])
    assert one.columns == ("cfs",)
    assert both.columns == ("cfs", "cfs_1", "cfs_2")
    scores = both(batch_of([0, 50, 100]))
    expected = [0.0, 2 * 50 * 100 / (50**2 + 100**2), 1.0]
    assert_close(scores["cfs_1"], torch.tensor(expected))
    assert_close(scores["cfs_2"], torch.ones(3))
    assert_close(scores["cfs"], torch.ones(3))
    assert_close(one(batch_of([7, 9]))["cfs"], torch.ones(2))
