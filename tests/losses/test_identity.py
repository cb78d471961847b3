import math

import pytest
import torch

from resight.losses import identity_loss
from tests.oracles import losses as oracle

LABELS = [0, 3, 3, 1]


def logits() -> torch.Tensor:
    return 3 * torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_against_the_slow_oracle(smoothing):
    ours = identity_loss(logits(), torch.tensor(LABELS), label_smoothing=smoothing)
    assert ours.dtype == torch.float64
    assert ours.item() == pytest.approx(oracle.cross_entropy(logits().tolist(), LABELS, smoothing))


def test_ignorance_costs_the_logarithm_of_the_classes():
    assert identity_loss(torch.zeros(2, 751), torch.tensor([0, 750])).item() == pytest.approx(math.log(751))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    rows = logits().to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = identity_loss(rows, torch.tensor(LABELS))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(oracle.cross_entropy(rows.tolist(), LABELS), rel=1e-6)
