import numpy as np
import torch

from resight.functional import SparseRows
from resight.functional.compiled import row_threads
from resight.functional.rerank_jaccard import jaccard_rows, mixed_blocks, turned
from tests.oracles import rerank as oracle


def sparse(dense):
    rows, columns = np.nonzero(dense)
    starts = np.searchsorted(rows, np.arange(len(dense) + 1))
    return SparseRows(starts, columns.astype(np.int32), dense[rows, columns])


def weights(seed):
    """(30, 30) rows of sum 1, about a third of them not 0, and some rows without any."""
    generator = np.random.default_rng(seed)
    dense = np.where(generator.random((30, 30)) < 0.3, generator.random((30, 30)), 0).astype(np.float32)
    dense[4] = dense[20] = 0
    return dense / np.maximum(dense.sum(1, keepdims=True), 1e-9)


def test_turned():
    dense = weights(0)
    for top in (0, 11, 30):
        found = turned(sparse(dense), top, 30)
        np.testing.assert_array_equal(found.to_dense(30 - top, 0.0), dense[top:].T)
        rows = [found.columns[a:b] for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)]
        assert all((np.diff(row) > 0).all() for row in rows)


def test_jaccard_rows():
    dense = weights(1)
    with row_threads() as run:
        found = jaccard_rows(sparse(dense), run)
    expected = [[max(oracle.jaccard(one, other), 0) for other in dense] for one in dense.tolist()]
    np.testing.assert_allclose(found.to_dense(30, 1.0), expected, atol=1e-6)
    assert len(found.values) < 900
    assert (found.values[found.values < 1] >= 0).all()


def test_mixed_blocks():
    dense, wanted = weights(2), np.array([3, 0, 4, 3])
    generator = np.random.default_rng(3)
    distances, scale = generator.random((4, 20)).astype(np.float32), 1 + generator.random(10).astype(np.float32)
    blocks = [
        (slice(0, 3), torch.from_numpy(distances[:3].copy())),
        (slice(3, 4), torch.from_numpy(distances[3:].copy())),
    ]
    codes, postings = sparse(dense).head(10), turned(sparse(dense), 10, 30)
    with row_threads() as run:
        found = list(mixed_blocks(blocks, wanted, codes, postings, scale, weight=0.3, run=run))
    assert [part for part, _ in found] == [slice(0, 3), slice(3, 4)]
    jaccard = np.array([[oracle.jaccard(dense[q], other) for other in dense[10:]] for q in wanted])
    expected = 0.7 * jaccard + 0.3 * distances / scale[wanted, None]
    np.testing.assert_allclose(torch.cat([block for _, block in found]), expected, atol=1e-6)
