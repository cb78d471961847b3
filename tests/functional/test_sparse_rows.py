import numpy as np

from resight.functional import SparseRows

ROWS = SparseRows(np.array([0, 2, 2, 3]), np.array([2, 0, 1], np.int32), np.array([5, 6, 7], np.float32))


def test_head():
    first = ROWS.head(2)
    assert [side.tolist() for side in first] == [[0, 2, 2], [2, 0], [5, 6]]
    assert not np.shares_memory(first.values, ROWS.values)


def test_to_dense():
    assert ROWS.to_dense(3, 1.0).tolist() == [[6, 1, 5], [1, 1, 1], [1, 7, 1]]
