import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from resight.functional.margin import arcface_logits, circle_logits, class_cosines, cosface_logits
from tests.oracles import losses as oracle

LABELS = torch.tensor([0, 2, 1, 2])
FUNCTIONS = {"arcface": arcface_logits, "cosface": cosface_logits, "circle": circle_logits}


def cosines() -> Tensor:
    """(4, 3), of all sizes; the last row is nearly opposite to its own class."""
    rows = 2 * torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    rows[3, 2] = -0.99
    return rows


def test_class_cosines_against_the_slow_oracle():
    features, weights = torch.randn(4, 5), torch.randn(3, 5)
    expected = [[oracle.cosine(x, w) for w in weights.tolist()] for x in features.tolist()]
    assert_close(class_cosines(features, weights), torch.tensor(expected))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("scale", "margin"), [(30.0, 0.5), (64.0, 0.25)])
def test_logits_against_the_slow_oracle(name: str, scale: float, margin: float):
    rule = getattr(oracle, f"{name}_logit")
    ours = FUNCTIONS[name](cosines(), LABELS, scale=scale, margin=margin)
    for row, label in enumerate(LABELS.tolist()):
        for column, cosine in enumerate(cosines()[row].tolist()):
            expected = rule(cosine, column == label, scale, margin)
            assert ours[row, column].item() == pytest.approx(expected, rel=1e-9), (row, column)


def test_easy_arcface_leaves_what_is_more_than_a_right_angle_away():
    rows = torch.tensor([[0.6, 0.1], [-0.6, 0.1]])
    logits = arcface_logits(rows, torch.tensor([0, 0]), scale=1.0, margin=0.3, easy=True)
    assert_close(logits, torch.tensor([[math.cos(math.acos(0.6) + 0.3), 0.1], [-0.6, 0.1]]))


@pytest.mark.parametrize("name", ["arcface", "cosface"])
def test_no_margin_is_scaled_cosine(name: str):
    assert_close(FUNCTIONS[name](cosines(), LABELS, scale=7.0, margin=0.0), 7.0 * cosines())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("end", [1.0, -1.0, 1.0 + 1e-7])
def test_arcface_has_a_finite_gradient_at_the_ends(dtype: torch.dtype, end: float):
    """The official code gives NaN there."""
    cosine = torch.tensor([[end, 0.3]], dtype=dtype, requires_grad=True)
    logits = arcface_logits(cosine, torch.tensor([0]), scale=30.0, margin=0.5)
    goal = math.cos(0.5) if end > 0 else -1 - 0.5 * math.sin(0.5)
    assert logits[0, 0].item() == pytest.approx(30 * goal, abs=1e-4)
    logits.sum().backward()
    assert cosine.grad.isfinite().all()


def test_arcface_next_to_the_ends_has_the_gradient_of_the_formula():
    """The nearest number to 1 below it: nothing is held back there."""
    near = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0)).reshape(1, 1)
    cosine = near.clone().requires_grad_()
    arcface_logits(cosine, torch.tensor([0]), scale=1.0, margin=0.5).sum().backward()
    expected = math.cos(0.5) + near.double() / (1 - near.double() ** 2).sqrt() * math.sin(0.5)
    assert_close(cosine.grad.double(), expected, rtol=1e-4, atol=0)


def test_circle_weights_have_no_gradient():
    cosine = torch.tensor([[0.2, 0.4]], requires_grad=True)
    circle_logits(cosine, torch.tensor([0]), scale=10.0, margin=0.25).sum().backward()
    assert_close(cosine.grad, torch.tensor([[10 * (1.25 - 0.2), 10 * (0.4 + 0.25)]]))


def test_half_precision_is_compared_in_float32():
    features, weights = torch.randn(3, 8).bfloat16(), torch.randn(2, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = class_cosines(features, weights)
    assert value.dtype == torch.float32
    assert_close(value, class_cosines(features.float(), weights))
