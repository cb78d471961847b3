import numpy as np
import pytest
import torch

from resight.functional.compiled import row_threads
from resight.functional.rerank_neighbours import neighbours


def by_stable_sort(rows, count):
    distances = np.square(rows[:, None] - rows[None, :]).sum(2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(distances, order, 1), distances.max(1)


@pytest.mark.parametrize("tile", [(1, 1), (3, 5), (8, 4), (64, 200), (1024, 1024)])
@pytest.mark.parametrize("split", [0, 1, 20, 61])
def test_equals_a_stable_sort_whatever_the_tiles(tile, split):
    rows = np.random.default_rng(0).integers(0, 4, (61, 3)).astype(np.float32)  # many equal distances
    order, distances, farthest = by_stable_sort(rows, 21)
    with row_threads() as run:
        found = neighbours(torch.from_numpy(rows[:split]), torch.from_numpy(rows[split:]), 21, run, tile)
    np.testing.assert_array_equal(found.rows, order)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.farthest, farthest)


def test_all_rows_as_neighbours():
    rows = np.random.default_rng(1).integers(0, 9, (30, 2)).astype(np.float32)
    with row_threads() as run:
        found = neighbours(torch.from_numpy(rows), torch.from_numpy(rows[:0]), 30, run)
    np.testing.assert_array_equal(found.rows, by_stable_sort(rows, 30)[0])


@pytest.mark.parametrize("rows", [np.arange(200.0), np.arange(200.0)[::-1].copy()])
def test_rows_in_order_of_distance(rows):
    """The worst order: every row met is nearer than those before."""
    lined = rows.astype(np.float32)[:, None]
    with row_threads() as run:
        found = neighbours(torch.from_numpy(lined), torch.from_numpy(lined[:0]), 11, run, (16, 64))
    np.testing.assert_array_equal(found.rows, by_stable_sort(lined, 11)[0])
