import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import Verification, verification
from tests.evaluation.drawn import as_manifest, clustered, on_a_line, sets, squared
from tests.oracles import pairs as oracle
from tests.oracles.metrics import Row


@given(sets(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_equals_the_definition(drawn, cross_camera):
    query, gallery, query_points, gallery_points = drawn
    same, different = oracle.pairs(squared(query_points, gallery_points), query, gallery, cross_camera)
    sides = (on_a_line(query_points), as_manifest("q", query), on_a_line(gallery_points), as_manifest("g", gallery))
    if not same or not different:
        with pytest.raises(DataError, match=r"no pair of one identity|show one identity|marked junk"):
            verification(*sides, cross_camera=cross_camera)
        return
    found = verification(*sides, cross_camera=cross_camera, fars=[0.2, 0.5], bins=7)
    assert (found.num_same, found.num_different) == (len(same), len(different))
    assert found.auc == pytest.approx(oracle.auc(same, different))
    assert [point.far for point in found.tar_at_far] == [far for far in (0.2, 0.5) if far * len(different) >= 1]
    for point in found.tar_at_far:
        assert point.tar == pytest.approx(oracle.tar_at_far(same, different, point.far))
        assert point.false_accepts == pytest.approx(oracle.accepted(different, point.threshold))
    assert (found.same.sum(), found.different.sum()) == (len(same), len(different))
    assert len(found.edges) == 8


def test_histogram_of_clusters():
    vectors, rows = clustered(30, seed=0)
    found = verification(vectors, rows, vectors, rows)
    centre = (found.edges[1:] + found.edges[:-1]) / 2
    means = [float((centre * part).sum() / part.sum()) for part in (found.same, found.different)]
    distances = 2 - 2 * vectors @ vectors.T
    pid, camera = rows.codes("pid", rows.identities()), rows.codes("camid", rows.cameras())
    same = (pid[:, None] == pid) & (camera[:, None] != camera)
    assert means[0] == pytest.approx(distances[same].mean(), abs=0.02)
    assert means[1] == pytest.approx(distances[pid[:, None] != pid].mean(), abs=0.02)
    assert found.edges[0] <= distances[same].min() <= distances.max() <= found.edges[-1] + 1e-3


@pytest.mark.parametrize("metric", ["squared_euclidean", "euclidean", "cosine"])
def test_the_metrics_order_unit_vectors_alike(metric):
    vectors, rows = clustered(20, seed=1)
    found, squared_one = (verification(vectors, rows, vectors, rows, metric=name) for name in (metric, "cosine"))
    assert found.auc == pytest.approx(squared_one.auc, abs=1e-3)
    assert found.metric == metric


def test_json_keeps_every_number():
    vectors, rows = clustered(12, seed=2)
    found = verification(vectors, rows, vectors, rows)
    again = Verification.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.to_json() == found.to_json()
    assert again.same.dtype == np.int64


def test_distances_that_are_all_alike_still_have_a_curve():
    """A collapsed model, or one whose scores all lie at 0.99: bins are relative to the distance."""
    vectors, rows = clustered(20, seed=3)
    base = np.zeros((1, vectors.shape[1]), dtype=np.float32)
    base[0, 0] = 1000
    near = torch.nn.functional.normalize(torch.from_numpy(base + vectors).double(), dim=1)
    assert verification(near, rows, near, rows).auc > 0.8
    constant = torch.ones(len(rows), 3)
    found = verification(constant, rows, constant, rows)
    assert found.auc == 0.5
    assert [point.tar for point in found.tar_at_far] == [0.0] * len(found.tar_at_far)


def test_errors():
    query, gallery = as_manifest("q", [Row("1", "a")]), as_manifest("g", [Row("1", "b"), Row("2", "b")])
    one, two = torch.zeros(1, 1), torch.zeros(2, 1)
    with pytest.raises(DataError, match="squared_euclidean, euclidean, cosine, came 'l1'"):
        verification(one, query, two, gallery, metric="l1")
    with pytest.raises(DataError, match="rates between 0 and 1, came 1"):
        verification(one, query, two, gallery, fars=[0.1, 1])
    with pytest.raises(DataError, match=r"no pair of one identity .*use any-camera"):
        verification(one, query, two, as_manifest("g", [Row("1", "a"), Row("2", "b")]))
    with pytest.raises(DataError, match="all 2 pairs show one identity"):
        verification(one, query, two, as_manifest("g", [Row("1", "b"), Row("1", "b")]))


def test_distances_beyond_float32():
    rows = Manifest.from_columns({"image": list("abc"), "pid": list("112"), "camid": list("123")}, "/set")
    vectors = np.array([[1e25], [-1e25], [3e25]])
    with pytest.raises(DataError, match="distances beyond the float32 numbers"):
        verification(vectors, rows, vectors, rows, cross_camera=False)
