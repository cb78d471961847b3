import pytest
import torch
from torch.testing import assert_close

from resight.losses import supervised_contrastive_loss
from tests.oracles import losses as oracle

LABELS = [0, 0, 1, 1, 1, 2, 0]  # the one image of identity 2 has no positive


def rows(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (5 * torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).to(dtype)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_against_the_slow_oracle(temperature):
    ours = supervised_contrastive_loss(rows(torch.float64), torch.tensor(LABELS), temperature=temperature)
    expected = oracle.supervised_contrastive(rows(torch.float64).tolist(), LABELS, temperature)
    assert ours.dtype == torch.float64
    assert ours.item() == pytest.approx(expected)


def test_gradient_is_the_derivative():
    names = torch.tensor(LABELS)
    double = rows(torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: supervised_contrastive_loss(x, names, temperature=0.5), double)


def test_half_precision_is_computed_in_float32():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = supervised_contrastive_loss(rows(torch.bfloat16), torch.tensor(LABELS))
    assert loss.dtype == torch.float32
    assert_close(loss, supervised_contrastive_loss(rows(torch.bfloat16).float(), torch.tensor(LABELS)))


def test_the_order_of_rows_is_irrelevant():
    order = torch.tensor([3, 6, 0, 5, 1, 2, 4])
    names = torch.tensor(LABELS)
    assert_close(supervised_contrastive_loss(rows(), names), supervised_contrastive_loss(rows()[order], names[order]))


def test_gradient_is_finite_where_all_rows_are_equal():
    equal = torch.zeros(4, 3, requires_grad=True)
    supervised_contrastive_loss(equal, torch.tensor([0, 0, 1, 1])).backward()
    assert torch.isfinite(equal.grad).all()


def test_without_a_positive():
    with pytest.raises(ValueError, match="no identity of the batch has two images"):
        supervised_contrastive_loss(rows(), torch.arange(7))
