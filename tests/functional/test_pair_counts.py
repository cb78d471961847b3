import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional import tiles
from resight.functional.distance import squared_euclidean_distance
from resight.functional.matching import Matching
from resight.functional.pair_counts import PairCounts, count_pairs, is_measurable, lowest_rate, roc_curve, roc_points
from tests.oracles import pairs as oracle


def codes(query_label, gallery_label, query_group=None, gallery_group=None, counts=None):
    query_group = [-1] * len(query_label) if query_group is None else query_group
    gallery_group = [-1] * len(gallery_label) if gallery_group is None else gallery_group
    counts = [True] * len(gallery_label) if counts is None else counts
    return Matching(*map(torch.tensor, (query_label, gallery_label, query_group, gallery_group)), torch.tensor(counts))


def given_distances(matrix):
    """A distance function that looks its numbers up; the vectors are row numbers."""
    return lambda a, b: matrix[a[:, 0].long()][:, b[:, 0].long()]


def numbered(count):
    return torch.arange(count, dtype=torch.float32)[:, None]


def as_pairs(counts):
    return np.repeat(counts.lower, counts.same).tolist(), np.repeat(counts.lower, counts.different).tolist()


def test_every_pair_lies_in_its_bin():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.rand(7, 9, generator=generator) * torch.tensor([1e-6, 1e-3, 0.1, 1.0, 3.9, 1e4, 1e9])[:, None]
    matrix[0, 0], matrix[1, 1] = 0.0, -1e-7
    found = count_pairs(numbered(7), numbered(9), codes([0] * 7, [0] * 9), distance=given_distances(matrix))
    assert found.num_same == 63
    assert found.num_different == 0
    values = matrix.clamp(min=0).flatten().sort().values.double().numpy()
    bins = np.repeat(np.arange(len(found.same)), found.same)
    assert (found.lower[bins] <= values).all()
    assert (values < found.upper[bins]).all()
    normal = found.lower > 1e-30
    assert ((found.upper - found.lower)[normal] <= found.lower[normal] / 2048).all()
    assert (np.diff(found.lower) > 0).all()


def test_left_out_pairs_junk_queries_and_distractors():
    matrix = torch.tensor([[1.0, 2.0, 4.0, 8.0], [16.0, 32.0, 64.0, 128.0], [3.0, 3.0, 3.0, 3.0]])
    matching = codes([0, 1, -1], [0, 0, -1, 1], [5, -1, -1], [5, -1, -1, -1], [True, True, True, True])
    same, different = as_pairs(count_pairs(numbered(3), numbered(4), matching, distance=given_distances(matrix)))
    assert same == [2.0, 128.0]
    assert different == [4.0, 8.0, 16.0, 32.0, 64.0]
    without = matching._replace(gallery_counts=torch.tensor([True, False, True, True]))
    same, different = as_pairs(count_pairs(numbered(3), numbered(4), without, distance=given_distances(matrix)))
    assert (same, different) == ([128.0], [4.0, 8.0, 16.0, 64.0])


def test_tiles_do_not_change_the_counts(monkeypatch):
    generator = torch.Generator().manual_seed(1)
    query, gallery = torch.randn(11, 4, generator=generator), torch.randn(23, 4, generator=generator)
    matching = codes([i % 3 for i in range(11)], [i % 4 for i in range(23)], [0] * 11, [-1, 0] * 11 + [-1])
    whole = count_pairs(query, gallery, matching, distance=squared_euclidean_distance)
    monkeypatch.setattr(tiles, "_PAIRS", 50)
    shapes = [
        tile.distances.shape
        for tile in tiles.distance_tiles(query, gallery, matching, distance=squared_euclidean_distance)
    ]
    assert shapes == [(11, 4)] * 5 + [(11, 3)]
    parts = count_pairs(query, gallery, matching, distance=squared_euclidean_distance)
    assert as_pairs(parts) == as_pairs(whole)


def test_half_precision_and_double_distances():
    matrix = torch.tensor([[0.5, 1.0]])
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        found = count_pairs(numbered(1), numbered(2), codes([0], [0, 1]), distance=given_distances(matrix.to(dtype)))
        assert as_pairs(found) == ([0.5], [1.0])


def counted(same, different):
    """Distances that are powers of two: one bin for each."""
    matrix = torch.tensor([[2.0**value for value in [*same, *different]]])
    labels = [0] * len(same) + [1] * len(different)
    return count_pairs(numbered(1), numbered(len(labels)), codes([0], labels), distance=given_distances(matrix))


exponents = st.lists(st.integers(-4, 4), min_size=1, max_size=15)


@given(exponents, exponents, st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.9]))
@settings(max_examples=100, deadline=None)
def test_roc_equals_the_definition(same, different, far):
    counts = counted(same, different)
    same, different = ([2.0**value for value in values] for values in (same, different))
    assert counts.auc() == pytest.approx(oracle.auc(same, different))
    point = roc_points(counts, [far])
    assert point.tpr[0] == pytest.approx(oracle.tar_at_far(same, different, far))
    assert point.fpr[0] == oracle.accepted(different, point.threshold[0]) <= far
    assert point.tpr[0] == oracle.accepted(same, point.threshold[0])
    curve = roc_curve(counts)
    assert (curve.fpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 1, 1)
    for threshold, fpr, tpr in zip(curve.threshold, curve.fpr, curve.tpr, strict=True):
        assert (fpr, tpr) == (oracle.accepted(different, threshold), oracle.accepted(same, threshold))
    assert (np.diff(curve.threshold) > 0).all()
    assert len(curve.threshold) <= 3 + 20 * 3


def test_rates_that_are_whole_numbers_of_pairs_are_used_to_the_full():
    """0.1 of 10 pairs is one pair, although 0.1 * 10 could come out below 1 in floating point."""
    ones = np.ones(1000, dtype=np.int64)
    lower = np.arange(1000) + 1.0
    counts = PairCounts(lower, lower + 1, ones, ones)
    for far in (0.001, 0.003, 0.007, 0.1, 0.3, 0.7):
        assert roc_points(counts, [far]).fpr[0] == pytest.approx(far, abs=1e-12)
    curve = roc_curve(counts)
    for far in (0.001, 0.01, 0.1):
        assert far in curve.fpr


@given(st.integers(1, 10**7))
def test_the_lowest_rate_that_is_named_can_be_measured(count):
    rate = float(lowest_rate(count))
    assert is_measurable(rate, count)
    assert rate <= 1.11 / count
    assert is_measurable(1 / count, count)
    assert not is_measurable(0.99 / count, count)
