import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import CameraPairs, camera_pairs, evaluate
from resight.evaluation.camera_pairs import has_camera_pairs
from tests.evaluation.drawn import as_manifest, clustered, on_a_line, sets, squared
from tests.oracles import pairs as oracle
from tests.oracles.metrics import Row


@given(sets(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_equals_the_definition(drawn, cross_camera):
    query, gallery, query_points, gallery_points = drawn
    sides = (on_a_line(query_points), as_manifest("q", query), on_a_line(gallery_points), as_manifest("g", gallery))
    if all(row.junk for row in gallery):
        with pytest.raises(DataError, match="marked junk"):
            camera_pairs(*sides, cross_camera=cross_camera)
        return
    found = camera_pairs(*sides, cross_camera=cross_camera)
    assert set(found.cameras) == {row.camid for row in [*query, *gallery] if not row.junk}
    distances = squared(query_points, gallery_points)
    for i, first in enumerate(found.cameras):
        for j, second in enumerate(found.cameras):
            precisions, firsts = oracle.camera_pair(distances, query, gallery, (first, second), cross_camera)
            assert found.num_queries[i, j] == len(precisions)
            if precisions:
                assert found.mean_ap[i, j] == pytest.approx(np.mean(precisions))
                assert found.rank_1[i, j] == pytest.approx(np.mean(firsts))
            else:
                assert np.isnan(found.mean_ap[i, j])
                assert np.isnan(found.rank_1[i, j])


def test_a_camera_that_spoils_its_images_stands_first():
    vectors, rows = clustered(30, seed=0, noise=0.5)
    camera = rows.codes("camid", rows.cameras())
    rng = np.random.default_rng(0)
    vectors[camera == 1] += rng.normal(size=vectors[camera == 1].shape).astype(np.float32)
    found = camera_pairs(vectors, rows, vectors, rows)
    assert found.cameras == ("0", "1", "2")
    assert np.isnan(np.diag(found.mean_ap)).all()
    pairs = found.pairs()
    assert len(pairs) == 6
    assert [pair.mean_ap for pair in pairs] == sorted(pair.mean_ap for pair in pairs)
    assert all("1" in (pair.query_camera, pair.gallery_camera) for pair in pairs[:4])
    assert pairs[0].num_queries == 60


def test_two_cameras_are_two_evaluations():
    vectors, rows = clustered(20, seed=1, cameras=2)
    sides = [rows.codes("camid", [name]) == 0 for name in ("0", "1")]
    found = camera_pairs(vectors, rows, vectors, rows)
    report = evaluate(vectors[sides[0]], rows.select(sides[0]), vectors[sides[1]], rows.select(sides[1]))
    assert found.mean_ap[0, 1] == pytest.approx(report.mean_ap)
    assert found.rank_1[0, 1] == pytest.approx(report.rank(1))


def test_one_camera_and_unknown_cameras():
    rows = [Row("1", "a"), Row("1", "a"), Row("2", "a")]
    points, manifest = torch.tensor([[0.0], [1.0], [5.0]]), as_manifest("g", rows)
    across = camera_pairs(points, manifest, points, manifest)
    assert across.cameras == ("a",)
    assert across.num_queries.tolist() == [[0]]
    assert across.pairs() == []
    any_camera = camera_pairs(points, manifest, points, manifest, cross_camera=False)
    assert (any_camera.num_queries[0, 0], any_camera.mean_ap[0, 0]) == (2, 1.0)
    unknown = as_manifest("g", [Row(row.pid) for row in rows])
    found = camera_pairs(points[:1], unknown.select([0]), points[1:], unknown.select([1, 2]))
    assert found.cameras == (None,)
    assert found.num_queries.tolist() == [[1]]


def test_json_keeps_every_number():
    vectors, rows = clustered(8, seed=2)
    rows = rows.with_column("camid", [None, *rows.column("camid")[1:]])
    found = camera_pairs(vectors, rows, vectors, rows)
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["cameras"][-1] is None
    again = CameraPairs.from_json(values)
    assert again.to_json() == found.to_json()
    assert again.pairs() == found.pairs()


def test_errors():
    manifest = as_manifest("g", [Row("1", "a")])
    with pytest.raises(DataError, match="came 'l1'"):
        camera_pairs(torch.zeros(1, 1), manifest, torch.zeros(1, 1), manifest, metric="l1")
    with pytest.raises(DataError, match=r"expected gallery embeddings of shape \(1, D\)"):
        camera_pairs(torch.zeros(1, 1), manifest, torch.zeros(2, 1), manifest)


def test_too_many_cameras_for_a_matrix(monkeypatch):
    monkeypatch.setitem(has_camera_pairs.__globals__, "MAX_CAMERAS", 3)
    rows = [
        Manifest.from_columns({"image": list(names), "camid": list(names)}, "/set") for names in ("a", "ab", "bc", "cd")
    ]
    assert has_camera_pairs(rows[1], rows[2])
    assert not has_camera_pairs(rows[1], rows[3])
    assert not has_camera_pairs(rows[0], rows[0])
