import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import evaluate, multi_query


def rows(side, *named):
    """Each row is written identity, camera, and x for junk."""
    return Manifest.from_columns(
        {
            "image": [f"{side}{i}.jpg" for i in range(len(named))],
            "pid": [name[0] for name in named],
            "camid": [None if name[1] == "-" else name[1] for name in named],
            "junk": [name.endswith("x") for name in named],
        },
        root="/set",
    )


@pytest.fixture
def example():
    generator = torch.Generator().manual_seed(0)
    query = rows("q", "1a", "1b", "1a", "2-", "3ax")
    gallery = rows("g", "1a", "1b", "1ax", "2a", "3a", "1-")
    vectors = [F.normalize(torch.randn(len(side), 6, generator=generator), dim=1) for side in (query, gallery)]
    return vectors[0], query, vectors[1], gallery


def test_a_query_is_the_mean_of_its_identity_at_its_camera(example):
    query, _, gallery, _ = example
    found = multi_query(*example)
    first = F.normalize(query[0] + query[2] + gallery[0], dim=0)  # the junk row 2 of the gallery is no part of it
    torch.testing.assert_close(found[0], first)
    torch.testing.assert_close(found[2], first)
    torch.testing.assert_close(found[1], F.normalize(query[1] + gallery[1], dim=0))
    assert torch.equal(found[3:], query[3:])  # of unknown camera, and junk


def test_the_mean_has_the_mean_length(example):
    query, query_rows, gallery, gallery_rows = example
    found = multi_query(query * 2, query_rows, gallery * 5, gallery_rows)
    torch.testing.assert_close(found.norm(dim=1), torch.tensor([3.0, 3.5, 3.0, 2.0, 2.0]))


def test_types(example):
    query, query_rows, gallery, gallery_rows = example
    expected = multi_query(*example)
    for dtype, tolerance in ((np.float64, 1e-6), (np.float16, 1e-2)):
        found = multi_query(query.numpy().astype(dtype), query_rows, gallery.numpy().astype(dtype), gallery_rows)
        assert found.dtype == (torch.float64 if dtype == np.float64 else torch.float32)
        torch.testing.assert_close(found.float(), expected, atol=tolerance, rtol=0)


def test_more_images_find_more():
    """Noisy images of 30 identities, five at each of two cameras."""
    generator = torch.Generator().manual_seed(0)
    names = [f"{pid}{camera}" for pid in range(30) for camera in "ab" for _ in range(5)]
    centers = torch.randn(30, 32, generator=generator).repeat_interleave(10, dim=0)
    vectors = F.normalize(centers + 1.5 * torch.randn(300, 32, generator=generator), dim=1)
    table = Manifest.from_columns(
        {
            "image": [f"{i}.jpg" for i in range(300)],
            "pid": [name[:-1] for name in names],
            "camid": [name[-1] for name in names],
        },
        root="/set",
    )
    is_query = np.arange(300) % 5 == 0
    sides = vectors[is_query], table.select(is_query), vectors[~is_query], table.select(~is_query)
    single = evaluate(*sides).mean_ap
    assert evaluate(multi_query(*sides), *sides[1:]).mean_ap > single + 0.1


def test_without_cameras(example):
    query, _, gallery, gallery_rows = example
    with pytest.raises(DataError, match="multi-query: expected queries with a camera"):
        multi_query(query, rows("q", "1-", "1-", "2-", "2-", "3-"), gallery, gallery_rows)


def test_shapes(example):
    query, query_rows, gallery, gallery_rows = example
    with pytest.raises(DataError, match=r"expected query embeddings of shape \(5, D\)"):
        multi_query(query[:4], query_rows, gallery, gallery_rows)
