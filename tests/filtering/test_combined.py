import numpy as np
import pytest

from resight.filtering.combined import combined, rank_share


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_the_place_counts_not_the_scale() -> None:
    np.testing.assert_allclose(rank_share(array(3, -1, 100, 7)), [1 / 3, 0, 1, 2 / 3])
    np.testing.assert_allclose(rank_share(array(5, 5, 1, 9, 9)), [0.375, 0.375, 0, 0.875, 0.875])
    np.testing.assert_allclose(rank_share(array(np.nan, 2, 1)), [np.nan, 1, 0])
    np.testing.assert_allclose(rank_share(array(np.nan, 2)), [np.nan, 1])


def test_equal_ones_share_the_mean_of_their_places() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, 40).astype(np.float32)
    below = [(values < value).sum() for value in values]
    equal = [(values == value).sum() - 1 for value in values]
    np.testing.assert_allclose(rank_share(values), (np.array(below) + np.array(equal) / 2) / 39, rtol=1e-6)


def test_several_are_their_mean_and_one_stays_itself() -> None:
    one, other = array(3, 2, 1, np.nan), array(10, 30, 20, 40)
    assert combined([one]) is one
    np.testing.assert_allclose(combined([one, other]), [(1 + 0) / 2, (0.5 + 2 / 3) / 2, 1 / 6, np.nan], rtol=1e-6)
    with pytest.raises(ValueError, match="at least one score"):
        combined([])
