import math
from pathlib import Path

import numpy as np
import pytest
import torch

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import choose_rows, evaluate, rank_lists


@pytest.fixture
def line():
    """Vectors on a line: the query stands at 0, the gallery at 0, 1, 2, 3, 4, 4."""
    query = Manifest.from_columns({"image": ["q", "r"], "pid": ["7", "9"], "camid": ["0", "0"]}, root="/set")
    columns = {
        "image": list("abcdef"),
        "pid": ["7", "3", "7", None, "7", "5"],
        "camid": ["0", "1", "1", None, "2", "1"],
    }
    gallery = Manifest.from_columns(columns, root="/set")
    return torch.zeros(2, 1), query, torch.tensor([0.0, 1, 2, 3, 4, 4])[:, None], gallery


def test_lists_hold_the_first_rows_that_count(line):
    first, second = rank_lists(*line, rows=[0, 1], k=4)
    assert [hit.path.name for hit in first.hits] == ["b", "c", "d", "e"]
    assert [hit.match for hit in first.hits] == [False, True, False, True]
    assert [hit.rank for hit in first.hits] == [1, 2, 3, 4]
    assert [hit.distance for hit in first.hits] == [1, 4, 9, 16]
    assert (first.hits[2].pid, first.hits[2].camid, first.hits[2].row) == (None, None, 3)
    assert (first.query.pid, first.query.camid, first.query.path, first.row) == ("7", "0", Path("/set/q"), 0)
    assert first.average_precision == pytest.approx(evaluate(*line).average_precision[0])
    assert not first.is_right
    assert [hit.path.name for hit in second.hits] == ["a", "b", "c", "d"]
    assert math.isnan(second.average_precision)


def test_a_list_may_be_shorter_than_k_and_rows_come_in_the_order_asked_for(line):
    lists = rank_lists(*line, rows=[1, 0], k=100, metric="euclidean")
    assert [found.query.pid for found in lists] == ["9", "7"]
    assert [len(found.hits) for found in lists] == [6, 5]
    assert [hit.row for hit in lists[0].hits] == [0, 1, 2, 3, 4, 5]  # rows 4 and 5 tie
    assert rank_lists(*line, rows=[]) == []


def test_boxes_are_kept():
    boxes = {"box_x": [1.0, 2.0], "box_y": [0.0, 0.0], "box_w": [4.0, 4.0], "box_h": [8.0, 8.0]}
    rows = Manifest.from_columns({"image": ["a", "a"], "pid": ["1", "1"], **boxes}, root="/set")
    vectors = np.eye(2, dtype=np.float32)
    (found,) = rank_lists(vectors, rows, vectors, rows, rows=[0], cross_camera=False)
    assert found.query.box == (1, 0, 4, 8)
    assert [hit.box for hit in found.hits] == [(2, 0, 4, 8)]
    assert found.is_right


def test_chosen_rows_are_the_worst_the_best_and_a_fair_draw():
    precision = np.array([0.5, 0.1, np.nan, 0.9, 0.1, 1.0, 0.7])
    chosen = choose_rows(precision, num_worst=3, num_random=4, num_best=2)
    assert (chosen["worst"], chosen["best"]) == ([1, 4, 0], [5, 3])
    assert len(set(chosen["random"])) == 4
    assert 2 not in chosen["random"]
    other = np.where(np.isnan(precision), np.nan, 1 - precision)
    assert choose_rows(other, num_random=4)["random"] == chosen["random"]
    draws = {tuple(choose_rows(precision, num_random=2, seed=seed)["random"]) for seed in range(30)}
    assert {row for draw in draws for row in draw} == {0, 1, 3, 4, 5, 6}


def test_rows_are_chosen_among_the_given_ones_and_as_many_as_there_are():
    precision = np.array([0.5, 0.1, np.nan, 0.9, 0.1, 1.0, 0.7])
    assert choose_rows(precision, among=[6, 2, 3]) == {"worst": [6, 3], "random": [3, 6], "best": [3, 6]}


def test_errors(line):
    with pytest.raises(DataError, match="0 to 1, came"):
        rank_lists(*line, rows=[2])
    with pytest.raises(DataError, match="squared_euclidean"):
        rank_lists(*line, rows=[0], metric="l1")
