import re

import pytest
import torch

from resight.pretrain.create import METHODS
from resight.pretrain.health import complaints, entropy, spread
from tests.pretrain.toy import toy_backbone, toy_task, toy_views


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
        ({"feature_rank": 1.5}, r"hardly any directions \(1\.5\); lower the learning rate, or give koleo"),
    ):
        (found,) = complaints({**healthy, **change})
        assert re.search(words, found)


def test_advice_is_for_the_method_and_the_same_fault_has_the_same_start() -> None:
    (one,), (other,) = (complaints({"loss": 1.0, "feature_rank": rank}) for rank in (1.2, 2.4))
    assert one.partition("(")[0] == other.partition("(")[0]
    assert "koleo" not in one, "an option of DINO alone"
    assert "koleo" not in complaints({"feature_std": 0.01})[0]


@pytest.mark.parametrize("method", METHODS)
def test_features_that_collapse_are_seen_behind_every_head(method: str) -> None:
    """A batch norm in a projector spreads whatever is left of a difference."""
    task = toy_task(method, backbone=toy_backbone(drop_path=0.0))
    healthy = task.terms(task.model, toy_views(method))
    for net in (task.model.backbone, task.target.backbone):
        torch.nn.init.constant_(net.norm.weight, 1e-4)
        torch.nn.init.ones_(net.norm.bias)
    collapsed = task.terms(task.model, toy_views(method))
    assert collapsed["feature_std"] < 0.01
    assert healthy["feature_std"] > 5 * collapsed["feature_std"]
    assert any("nearly the same" in text for text in complaints({"feature_std": float(collapsed["feature_std"])}))
