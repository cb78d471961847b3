"""Against a stable sort of every row of the distance matrix."""

import numpy as np
import pytest
import torch

import resight.evaluation.nearest as module
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import evaluate
from resight.evaluation.metrics import average_precision
from resight.evaluation.nearest import nearest
from resight.evaluation.protocol import matching
from resight.functional.ranking import match_masks
from resight.functional.rerank import Rerank, rerank_matrix


def sides(num_query=13, num_gallery=57, levels=3, seed=0):
    """Vectors on a coarse grid, so that many distances tie; some junk, some unknown cameras and identities."""
    rng = np.random.default_rng(seed)

    def rows(count, distractors):
        pids = [str(value) for value in rng.integers(0, 5, count)]
        if distractors:
            pids = [None if rng.random() < 0.2 else pid for pid in pids]
        columns = {
            "image": [f"{count}_{i}" for i in range(count)],
            "pid": pids,
            "camid": [None if rng.random() < 0.1 else str(value) for value in rng.integers(0, 3, count)],
            "junk": rng.random(count) < 0.1,
        }
        return rng.integers(0, levels, (count, 2)).astype(np.float32), Manifest.from_columns(columns, root="/set")

    return (*rows(num_query, False), *rows(num_gallery, True))


@pytest.mark.parametrize("memory", [1, 2**25])
@pytest.mark.parametrize("cross_camera", [True, False])
def test_equals_a_stable_sort(monkeypatch, memory, cross_camera):
    monkeypatch.setattr(module, "_MEMORY", memory)
    query_vectors, query, gallery_vectors, gallery = sides()
    rows = [7, 0, 12, 7]
    found = nearest(query_vectors, query, gallery_vectors, gallery, rows=rows, k=9, cross_camera=cross_camera)
    match, left_out = match_masks(matching(query, gallery, cross_camera=cross_camera), slice(0, len(query)))
    assert found.query_row.tolist() == rows
    for i, row in enumerate(rows):
        distances = ((query_vectors[row] - gallery_vectors) ** 2).sum(1)
        order = [j for j in np.argsort(distances, kind="stable") if not left_out[row, j]][:9]
        assert found.gallery_row[i].tolist() == order
        assert found.distance[i] == pytest.approx(distances[order])
        assert found.match[i].tolist() == match[row, order].tolist()


def test_short_lists_are_filled_up():
    query = Manifest.from_columns({"image": ["q"], "pid": ["1"], "camid": ["a"]}, root="/set")
    columns = {"image": ["x", "y", "z"], "pid": ["1", "2", "1"], "camid": ["a", "a", "b"]}
    gallery = Manifest.from_columns(columns, root="/set")
    found = nearest(torch.zeros(1, 1), query, torch.tensor([[0.0], [2.0], [1.0]]), gallery, rows=[0], k=10)
    assert found.gallery_row.tolist() == [[2, 1, -1]]
    assert found.match.tolist() == [[True, False, False]]
    assert found.distance[0, :2].tolist() == [1, 4]
    assert np.isnan(found.distance[0, 2])


def test_no_rows_and_wrong_rows():
    everything = sides()
    assert nearest(*everything, rows=[], k=3).gallery_row.shape == (0, 3)
    with pytest.raises(DataError, match="0 to 12, came"):
        nearest(*everything, rows=[13])
    with pytest.raises(DataError, match="squared_euclidean"):
        nearest(*everything, rows=[0], metric="l1")


def test_ranks_are_those_of_the_evaluation():
    everything = sides(num_query=9)
    rows = [4, 1, 8]
    found = nearest(*everything, rows=rows)
    precision = average_precision(found.ranks)
    assert precision == pytest.approx(evaluate(*everything).average_precision[rows], nan_ok=True)


def test_re_ranked():
    query_vectors, query, gallery_vectors, gallery = sides(levels=1000)
    settings = Rerank(k1=5, k2=3, weight=0.4)
    found = nearest(query_vectors, query, gallery_vectors, gallery, rows=[7, 2], k=4, rerank=settings)
    matrix = rerank_matrix(torch.from_numpy(query_vectors), torch.from_numpy(gallery_vectors), settings)
    _, left_out = match_masks(matching(query, gallery), slice(0, len(query)))
    for i, row in enumerate([7, 2]):
        order = matrix[row].masked_fill(left_out[row], np.inf).sort(stable=True)
        assert found.gallery_row[i].tolist() == order.indices[:4].tolist()
        assert found.distance[i] == pytest.approx(order.values[:4].numpy(), abs=1e-6)
    report = evaluate(query_vectors, query, gallery_vectors, gallery, rerank=settings)
    assert average_precision(found.ranks) == pytest.approx(report.average_precision[[7, 2]], nan_ok=True)
