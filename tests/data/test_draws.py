import numpy as np
import pytest

from resight.data.draws import draw_galleries, gallery_masks
from resight.data.manifest import Manifest
from resight.errors import DataError


def test_one_row_of_each_identity_in_each_draw() -> None:
    pids = ["7", "3", "7", "11", "3", "7"]
    bits = draw_galleries(pids, draws=62, seed=3)
    for draw in range(62):
        assert sorted(pids[row] for row in np.flatnonzero((bits >> draw) & 1)) == ["11", "3", "7"]
    assert np.array_equal(bits, draw_galleries(pids, draws=62, seed=3))
    assert not np.array_equal(bits, draw_galleries(pids, draws=62, seed=4))
    assert np.array_equal(bits & 1, draw_galleries(pids, draws=1, seed=3))


def test_every_row_is_drawn_evenly() -> None:
    bits = np.stack([draw_galleries(["a"] * 4, draws=50, seed=seed) for seed in range(20)])
    counts = sum((bits >> draw) & 1 for draw in range(50)).sum(axis=0)
    assert counts.sum() == 1000
    # Binomial with n = 1000, p = 0.25: a standard deviation of 13.7, of which five are allowed.
    assert all(abs(counts - 250) < 69)


@pytest.mark.parametrize(("draws", "seed"), [(0, 0), (63, 0), (1, -1)])
def test_limits(draws: int, seed: int) -> None:
    with pytest.raises(DataError, match="expected 1 to 62 and a seed of 0 or more"):
        draw_galleries(["a"], draws=draws, seed=seed)


def test_masks() -> None:
    def masks(values: list[object]) -> list[list[bool]]:
        columns = {"image": [str(row) for row in range(len(values))], "gallery_draws": values}
        return [mask.tolist() for mask in gallery_masks(Manifest.from_columns(columns, "/"))]

    assert masks([1, 2, 3]) == [[True, False, True], [False, True, True]]
    assert masks([1, None]) == []
    assert gallery_masks(Manifest.from_columns({"image": ["a"]}, "/")) == []
    with pytest.raises(DataError, match="'gallery_draws': expected whole numbers"):
        masks(["a", "b"])
