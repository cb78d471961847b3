import sys
import types

import numpy as np
import pytest

from resight.errors import DataError
from resight.evaluation.embedding_map import neighbour_map, principal_components


def cloud(seed=0):
    """40 points, long along one direction, less along another."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    return rng.standard_normal((40, 6)) * [5, 2, 0.1, 0.1, 0.1, 0.1] @ axes + 3


def test_the_plane_is_that_of_the_eigenvectors():
    vectors = cloud()
    found = principal_components(vectors.astype(np.float32))
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    assert found.explained == pytest.approx(tuple(values[::-1][:2] / values.sum()), rel=1e-4)
    expected = (vectors - vectors.mean(0)) @ axes[:, ::-1][:, :2]
    for axis in range(2):
        sign = np.sign(found.points[:, axis] @ expected[:, axis])
        assert found.points[:, axis] == pytest.approx(sign * expected[:, axis], abs=1e-3)


def test_a_rotation_of_the_rows_changes_nothing():
    vectors, order = cloud(), np.random.default_rng(1).permutation(40)
    assert principal_components(vectors[order]).points == pytest.approx(principal_components(vectors).points[order])


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (5, 1)])
def test_few_points_or_dimensions(shape):
    found = principal_components(np.arange(np.prod(shape), dtype=float).reshape(shape))
    assert found.points.shape == (shape[0], 2)
    assert np.isfinite(found.points).all()
    assert found.points[:, 1] == pytest.approx(0)


def test_no_points():
    with pytest.raises(DataError, match="came shape"):
        principal_components(np.zeros((0, 3)))


def test_umap_where_it_is_installed(monkeypatch):
    class UMAP:
        def __init__(self, **settings):
            assert settings["random_state"] == 7

        def fit_transform(self, vectors):
            return vectors[:, :2] * 2

    fake = types.ModuleType("umap")
    fake.UMAP = UMAP
    fake.__spec__ = types.SimpleNamespace(name="umap")
    monkeypatch.setitem(sys.modules, "umap", fake)
    vectors = cloud()
    found = neighbour_map(vectors, seed=7)
    assert found.points == pytest.approx(vectors[:, :2] * 2)
    assert found.explained is None
    assert neighbour_map(vectors[:15]) is None
    monkeypatch.setitem(sys.modules, "umap", None)
    assert neighbour_map(vectors) is None
