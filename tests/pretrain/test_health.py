import re

import pytest
import torch

from resight.pretrain.health import complaints, entropy, spread


def test_entropy_is_a_share() -> None:
    assert entropy(torch.full((3, 8), 1 / 8)).item() == pytest.approx(1.0)
    assert entropy(torch.eye(8)[:3]).item() == 0.0
    assert entropy(torch.tensor([[0.5, 0.5, 0, 0]])).item() == pytest.approx(0.5)


def test_spread_of_features() -> None:
    torch.manual_seed(0)
    wide = spread(torch.randn(500, 20))
    assert wide["feature_std"].item() == pytest.approx(1.0, abs=0.02)
    assert wide["feature_rank"].item() > 18
    narrow = spread(torch.randn(500, 1) * torch.randn(1, 20))  # one direction, both ways
    assert narrow["feature_rank"].item() == pytest.approx(1.0, abs=0.2)
    same = spread(torch.ones(10, 20))
    assert same["feature_std"].item() == pytest.approx(0.0, abs=1e-6)


def test_rank_is_the_same_from_either_side() -> None:
    features = torch.randn(12, 12)
    tall = spread(torch.cat([features, features]))["feature_rank"]
    assert tall.item() == pytest.approx(spread(features)["feature_rank"].item(), rel=1e-3)


def test_collapse_is_named_with_what_to_change() -> None:
    healthy = {"loss": 5.0, "teacher_entropy": 0.6, "feature_std": 0.8, "feature_rank": 40.0}
    assert complaints(healthy) == []
    assert complaints({"loss": 1.0}) == []
    for change, words in (
        ({"teacher_entropy": 0.999}, "says the same of every image .*lower teacher_temperature"),
        ({"teacher_entropy": 0.001}, "one prototype takes every image .*lower center_momentum"),
        ({"feature_std": 0.02}, "nearly the same .*lower the learning rate"),
        ({"feature_rank": 1.5}, r"use 1\.5 directions"),
    ):
        (found,) = complaints({**healthy, **change})
        assert re.search(words, found)
