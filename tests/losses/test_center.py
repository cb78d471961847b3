import pytest
import torch
from torch.testing import assert_close

from resight.losses import CenterLoss
from tests.oracles import losses as oracle

LABELS = [0, 2, 2, 0, 0]


def rows() -> torch.Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


def test_against_the_slow_oracle():
    loss = CenterLoss(3, 4)
    expected = oracle.center(rows().tolist(), loss.centers.tolist(), LABELS)
    assert loss(rows(), torch.tensor(LABELS)).item() == pytest.approx(expected, rel=1e-5)


def test_centers_move_to_their_images_and_others_stay():
    loss = CenterLoss(3, 4)
    loss(rows(), torch.tensor(LABELS)).backward()
    centers = loss.centers.detach()
    assert_close(loss.centers.grad[2], 2 / 5 * (2 * centers[2] - rows()[[1, 2]].sum(0)))
    assert not loss.centers.grad[1].any()


def test_half_precision_is_computed_in_float32():
    loss = CenterLoss(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(rows().bfloat16(), torch.tensor(LABELS))
    assert value.dtype == torch.float32
    assert_close(value, loss(rows().bfloat16().float(), torch.tensor(LABELS)))


def test_a_feature_on_its_center_has_a_finite_gradient():
    loss = CenterLoss(3, 4)
    on_it = loss.centers.detach()[[0]].clone().requires_grad_()
    value = loss(on_it, torch.tensor([0]))
    value.backward()
    assert value.item() == pytest.approx(1e-12)
    assert not on_it.grad.any()
