import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from resight.losses import contrastive_loss
from tests.oracles import losses as oracle

LABELS = [0, 0, 1, 1, 1, 2, 0]


def rows(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    raw = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return F.normalize(raw, dim=1).to(dtype)


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.9])
def test_against_the_slow_oracle(margin):
    ours = contrastive_loss(rows(torch.float64), torch.tensor(LABELS), margin=margin)
    assert ours.dtype == torch.float64
    assert ours.item() == pytest.approx(oracle.contrastive(rows(torch.float64).tolist(), LABELS, margin))


def test_a_row_is_not_its_own_positive():
    """Rounding leaves some rows at a similarity just below 1 with themselves."""
    vectors = F.normalize(torch.randn(64, 48, generator=torch.Generator().manual_seed(1)), dim=1)
    assert ((vectors @ vectors.t()).diagonal() < 1).any()
    vectors.requires_grad_()
    contrastive_loss(vectors, torch.arange(64), margin=1.0).backward()
    assert not vectors.grad.any()


def test_half_precision_is_computed_in_float32():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = contrastive_loss(rows(), torch.tensor(LABELS))
    assert loss.dtype == torch.float32
    assert_close(loss, contrastive_loss(rows(), torch.tensor(LABELS)))
