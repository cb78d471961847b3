import pytest
import torch

from resight.functional.distance import (
    DISTANCES,
    angular_distance,
    cosine_distance,
    euclidean_distance,
    half_cosine_distance,
    squared_euclidean_distance,
)

ALL = [squared_euclidean_distance, euclidean_distance, cosine_distance, half_cosine_distance, angular_distance]


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 8, generator=generator), torch.randn(7, 8, generator=generator)


def test_values_are_those_of_a_loop_over_pairs(pair):
    a, b = pair
    squared, cosine = squared_euclidean_distance(a, b), cosine_distance(a, b)
    for i in range(5):
        for j in range(7):
            assert squared[i, j].item() == pytest.approx(((a[i] - b[j]) ** 2).sum().item(), abs=1e-5)
            cos = (a[i] @ b[j] / (a[i].norm() * b[j].norm())).item()
            assert cosine[i, j].item() == pytest.approx(1 - cos, abs=1e-6)
    torch.testing.assert_close(euclidean_distance(a, b), squared.sqrt())
    torch.testing.assert_close(half_cosine_distance(a, b), cosine / 2)
    torch.testing.assert_close(angular_distance(a, b).cos(), 1 - cosine)


@pytest.mark.parametrize("distance", ALL)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_calculates_in_float32_or_above(distance, dtype, pair):
    a, b = (side.to(dtype) for side in pair)
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = distance(a, b)
    assert under_autocast.dtype == wanted
    assert under_autocast.shape == (5, 7)
    torch.testing.assert_close(under_autocast, distance(a.to(wanted), b.to(wanted)), rtol=0, atol=0)


def test_unit_vectors_rank_alike(pair):
    a, b = (torch.nn.functional.normalize(side, dim=1) for side in pair)
    orders = [distance(a, b).argsort(dim=1) for distance in DISTANCES.values()]
    assert all(torch.equal(orders[0], order) for order in orders)


def test_gradient_is_finite_at_distance_zero(pair):
    a = pair[0].clone().requires_grad_()
    for distance in (euclidean_distance, angular_distance):
        distance(a, a).sum().backward()
        assert torch.isfinite(a.grad).all()


def test_gradient_is_that_of_the_formula(pair):
    a, b = (side.double().requires_grad_() for side in pair)
    for distance in ALL:
        assert torch.autograd.gradcheck(distance, (a, b))


def test_zero_vector_has_cosine_distance_one():
    assert cosine_distance(torch.zeros(1, 3), torch.ones(2, 3)).tolist() == [[1, 1]]


def test_inputs_stay_as_they_are(pair):
    copies = [side.clone() for side in pair]
    for distance in ALL:
        distance(*pair)
    assert all(torch.equal(side, copy) for side, copy in zip(pair, copies, strict=True))


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((4,), (3, 4)), ((1, 3, 4), (3, 4))])
def test_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match="same model"):
        squared_euclidean_distance(torch.zeros(shapes[0]), torch.zeros(shapes[1]))
