"""What an evaluation says to input that it cannot use, and that odd but usable input is used."""

import numpy as np
import pytest
import torch

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import evaluate, evaluate_distance


def rows(side, pids, camid):
    columns = {"image": [f"{side}{i}.jpg" for i in range(len(pids))], "pid": list(pids), "camid": [camid] * len(pids)}
    return Manifest.from_columns(columns, root="/set")


def vectors(count, dim=4, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("empty", ["query", "gallery"])
def test_an_empty_side(empty):
    sides = {"query": rows("q", "1", "a"), "gallery": rows("g", "1", "b")}
    sides[empty] = sides[empty].select(np.zeros(1, dtype=bool))
    sizes = [len(sides[name]) for name in ("query", "gallery")]
    for call in (
        lambda: evaluate(vectors(sizes[0]), sides["query"], vectors(sizes[1]), sides["gallery"]),
        lambda: evaluate_distance(torch.zeros(sizes), sides["query"], sides["gallery"]),
    ):
        with pytest.raises(DataError, match=f"expected at least one {empty} row, came none"):
            call()


def test_one_image_that_is_query_and_gallery():
    """It is its own query: nothing is left to be found, with cameras or without."""
    alone = rows("x", "1", "a")
    for cross_camera in (True, False):
        with pytest.raises(DataError, match="none of the 1 queries has a match"):
            evaluate(vectors(1), alone, vectors(1), alone, cross_camera=cross_camera)


def test_one_query_and_one_gallery_row():
    report = evaluate(vectors(1), rows("q", "1", "a"), vectors(1, seed=1), rows("g", "1", "b"))
    assert (report.mean_ap, report.rank(1), report.mean_inp, report.num_valid) == (1, 1, 1, 1)


@pytest.mark.parametrize("pids", ["222", "333"])
def test_all_queries_without_match(pids):
    with pytest.raises(DataError, match=r"none of the 2 queries has a match.*other images of the queries' identities"):
        evaluate(vectors(2), rows("q", "11", "a"), vectors(3), rows("g", pids, "b"))


@pytest.mark.parametrize("side", [0, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_no_numbers(side, value, dtype):
    arguments = [vectors(3).numpy(), rows("q", "123", "a"), vectors(3).numpy(), rows("g", "123", "b")]
    arguments[side] = arguments[side].astype(dtype)
    arguments[side][1, 2] = value
    with pytest.raises(DataError, match=r"1 of 3 \w+ embeddings hold NaN or infinity.* is row 1 \(/set/.1.jpg\)"):
        evaluate(*arguments)


def test_values_whose_squares_are_no_float32():
    query, gallery = rows("q", "12", "a"), rows("g", "12", "b")
    long = vectors(2) * 1e30
    with pytest.raises(DataError, match=r"the query embedding of row 0 \(/set/q0.jpg\) is so long.* pass float64"):
        evaluate(long, query, vectors(2), gallery)
    assert evaluate(long.double(), query, long.double(), gallery).mean_ap == 1


@pytest.mark.parametrize(("query", "gallery", "said"), [(2, 3, r"\(3, D\).*\(2, 4\)"), (3, 4, r"\(3, D\).*\(4, 4\)")])
def test_features_and_rows_of_different_length(query, gallery, said):
    with pytest.raises(DataError, match=f"expected {'query' if query == 2 else 'gallery'} embeddings of shape {said}"):
        evaluate(vectors(query), rows("q", "123", "a"), vectors(gallery), rows("g", "123", "b"))


def test_features_without_dimensions():
    with pytest.raises(DataError, match="expected query embeddings of shape"):
        evaluate(torch.zeros(1, 0), rows("q", "1", "a"), torch.zeros(1, 0), rows("g", "1", "b"))


def test_duplicate_rows_rank_one_after_the_other():
    """Every gallery row three times: each copy is a row of its own, and copies rank in gallery order."""
    embedding = torch.eye(4)
    query, gallery = rows("q", "12", "a"), rows("g", "1234" * 3, "b")
    report = evaluate(embedding[:2], query, embedding.repeat(3, 1), gallery)
    assert report.mean_ap == report.mean_inp == 1
    wrong_first = evaluate(embedding[:2], query, embedding.repeat(3, 1), rows("g", "5555" + "1234" * 2, "b"))
    assert wrong_first.average_precision.tolist() == pytest.approx([(1 / 2 + 2 / 3) / 2] * 2)


def test_all_embeddings_equal():
    report = evaluate(torch.ones(2, 3), rows("q", "12", "a"), torch.ones(4, 3), rows("g", "1212", "b"))
    assert report.average_precision.tolist() == pytest.approx([(1 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2])


def test_whole_numbers_and_bfloat16():
    query, gallery = rows("q", "12", "a"), rows("g", "12", "b")
    for dtype in (torch.int64, torch.bfloat16):
        assert evaluate(torch.eye(2).to(dtype), query, torch.eye(2).to(dtype), gallery).mean_ap == 1


def test_memory():
    sides = vectors(1), rows("q", "1", "a"), vectors(1), rows("g", "1", "b")
    with pytest.raises(ValueError, match="memory: expected a positive number of bytes, got -1"):
        evaluate(*sides, memory=-1)
