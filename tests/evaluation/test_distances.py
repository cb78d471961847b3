import pytest
import torch
import torch.nn.functional as F

from resight.errors import DataError
from resight.evaluation.distances import ranked_distances
from resight.functional import Rerank, rerank_matrix
from resight.functional.distance import DISTANCES


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(9, 5, generator=generator), torch.randn(40, 5, generator=generator)


def whole(*sides, **options):
    blocks = [(rows, block.clone()) for rows, block in ranked_distances(*sides, memory=4 * 40 * 2, **options)]
    assert [rows.start for rows, _ in blocks] == [0, *(rows.stop for rows, _ in blocks[:-1])]
    assert max(len(block) for _, block in blocks) <= 2
    return torch.cat([block for _, block in blocks])


@pytest.mark.parametrize("metric", DISTANCES)
def test_without_re_ranking_they_are_those_of_the_metric(vectors, metric):
    torch.testing.assert_close(whole(*vectors, metric=metric), DISTANCES[metric](*vectors))
    chosen = whole(*vectors, metric=metric, rows=[8, 0, 3])
    torch.testing.assert_close(chosen, DISTANCES[metric](vectors[0][[8, 0, 3]], vectors[1]))


@pytest.mark.parametrize("rows", [None, [8, 0, 3]])
def test_re_ranked(vectors, rows):
    settings = Rerank(7, 3, 0.2)
    chosen = slice(None) if rows is None else rows
    plain, unit = (rerank_matrix(*sides, settings)[chosen] for sides in (vectors, [F.normalize(s) for s in vectors]))
    torch.testing.assert_close(whole(*vectors, metric="squared_euclidean", rerank=settings, rows=rows), plain)
    torch.testing.assert_close(whole(*vectors, metric="euclidean", rerank=settings, rows=rows), plain)
    torch.testing.assert_close(whole(*vectors, metric="cosine", rerank=settings, rows=rows), unit)


def test_errors(vectors):
    with pytest.raises(DataError, match="metric"):
        whole(*vectors, metric="manhattan")
    query, gallery = vectors
    with pytest.raises(DataError, match="longer than"):
        whole(query.double() * 1e200, gallery.double(), metric="squared_euclidean", rerank=Rerank())
