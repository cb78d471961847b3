import pytest
import torch
from torch.testing import assert_close

from resight.losses import batch_hard_triplet, hardest_distances
from tests.oracles import losses as oracle

LABELS = {
    "P x K": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "unequal counts": [4, 7, 4, 4, 1, 7, 4, 1, 4],
    "an identity with one image": [0, 1, 1, 1, 2, 2, 2, 2, 2],
    "one image each": [0, 1, 2, 3, 4, 5, 6, 7, 8],
    "two identities": [0, 1, 0, 0, 0, 0, 0, 0, 0],
}


def features(rows: int = 9, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(("margin", "hard_factor"), [(None, 0.0), (0.3, 0.0), (0.0, 0.0), (None, 0.2), (1.0, 0.1)])
@pytest.mark.parametrize("normalize", [False, True])
def test_against_the_slow_oracle(labels, margin, hard_factor, normalize):
    rows = features(dtype=torch.float64)
    ours = batch_hard_triplet(rows, torch.tensor(labels), margin=margin, hard_factor=hard_factor, normalize=normalize)
    if normalize:
        rows = rows / rows.norm(dim=1, keepdim=True)
    expected = oracle.batch_hard_triplet(rows.tolist(), labels, margin, hard_factor)
    assert ours.dtype == torch.float64
    assert ours.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_the_order_of_rows_is_irrelevant(labels):
    rows, names = features().requires_grad_(), torch.tensor(labels)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    shuffled = rows.detach()[order].requires_grad_()
    plain, other = batch_hard_triplet(rows, names), batch_hard_triplet(shuffled, names[order])
    assert_close(plain, other)
    (plain + other).backward()
    assert_close(rows.grad[order], shuffled.grad, atol=1e-6, rtol=1e-4)


def test_names_of_the_labels_are_irrelevant():
    names = torch.tensor(LABELS["unequal counts"])
    assert_close(batch_hard_triplet(features(), names), batch_hard_triplet(features(), 1000 - 3 * names))


def test_hardest_distances_by_hand():
    rows = torch.tensor([[0.0], [1.0], [4.0], [9.0], [100.0]])
    positive, negative = hardest_distances(rows, torch.tensor([0, 0, 0, 1, 2]))
    assert_close(positive, torch.tensor([4.0, 3.0, 4.0, 1e-6, 1e-6]), atol=1e-3, rtol=1e-4)
    assert_close(negative, torch.tensor([9.0, 8.0, 5.0, 5.0, 91.0]), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype, normalize):
    """Long vectors close together, whose distances half precision loses."""
    rows = (100 + features()).to(dtype)
    names = torch.tensor(LABELS["P x K"])
    expected = batch_hard_triplet(rows.double(), names, normalize=normalize)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = batch_hard_triplet(rows, names, normalize=normalize)
    assert loss.dtype == torch.float32
    assert_close(loss, expected.float(), atol=2e-2, rtol=2e-2)


def test_gradient_is_the_derivative():
    rows = features(dtype=torch.float64).requires_grad_()
    names = torch.tensor(LABELS["unequal counts"])
    for settings in ({}, {"margin": 5.0}, {"normalize": True}):
        assert torch.autograd.gradcheck(lambda x, s=settings: batch_hard_triplet(x, names, **s), rows)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_gradient_is_finite_where_all_rows_are_equal(value, normalize):
    rows = torch.full((6, 4), value, requires_grad=True)
    batch_hard_triplet(rows, torch.tensor([0, 0, 1, 1, 2, 2]), normalize=normalize).backward()
    assert torch.isfinite(rows.grad).all()


def test_a_margin_that_is_kept_costs_nothing():
    rows = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    names = torch.tensor([0, 0, 1, 1])
    assert batch_hard_triplet(rows, names, margin=0.3).item() == 0
    assert batch_hard_triplet(rows, names).item() > 0


def test_the_inputs_are_left_as_they_are():
    rows = features()
    batch_hard_triplet(rows, torch.tensor(LABELS["P x K"]), normalize=True)
    assert torch.equal(rows, features())


@pytest.mark.parametrize("rows", [1, 4])
def test_without_a_negative(rows):
    with pytest.raises(ValueError, match=f"all {rows} rows have one identity.*at least two identities"):
        batch_hard_triplet(features(rows), torch.zeros(rows, dtype=torch.long))
