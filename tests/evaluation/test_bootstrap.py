import json
import math

import numpy as np
import pytest

from resight.errors import DataError
from resight.evaluation import Interval, bootstrap_difference, bootstrap_interval
from resight.evaluation import bootstrap as module


def normal_interval(values, confidence_factor=1.96):
    half = confidence_factor * np.std(values) / math.sqrt(len(values))
    return np.mean(values) - half, np.mean(values) + half


def test_of_many_values_it_is_the_normal_interval():
    values = np.random.default_rng(0).beta(5, 1, size=800)
    found = bootstrap_interval(values, resamples=4000)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(normal_interval(values), abs=7e-4)
    assert (found.confidence, found.num_units) == (0.95, 800)
    narrow = bootstrap_interval(values, confidence=0.5)
    assert (narrow.low, narrow.high) == pytest.approx(normal_interval(values, 0.674), abs=7e-4)


def test_it_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        found = bootstrap_interval(rng.random(60), resamples=300, confidence=0.8)
        hits += found.low <= 0.5 <= found.high
    assert 0.72 < hits / 300 < 0.87


def test_skipped_queries_take_no_part():
    values = np.array([0.2, np.nan, 0.4, np.nan, 0.9])
    assert bootstrap_interval(values) == bootstrap_interval(values[~np.isnan(values)])


def test_the_same_seed_gives_the_same_interval_in_any_blocks(monkeypatch):
    values = np.random.default_rng(2).random(50)
    found = bootstrap_interval(values, seed=3)
    assert found != bootstrap_interval(values, seed=4)
    monkeypatch.setattr(module, "_MAX_DRAWN", 170)
    assert bootstrap_interval(values, seed=3) == found


def test_clusters_are_drawn_whole():
    """Ten copies of each query hold no more than one: the interval is that of the originals."""
    values = np.random.default_rng(5).random(40)
    copies, clusters = np.repeat(values, 10), np.repeat(np.arange(40), 10)
    once, clustered = bootstrap_interval(values), bootstrap_interval(copies, clusters=clusters)
    assert (clustered.low, clustered.high) == pytest.approx((once.low, once.high))
    assert clustered.num_units == 40
    naive = bootstrap_interval(copies)
    assert naive.high - naive.low < 0.5 * (once.high - once.low)


def test_weights_make_the_mean_of_means():
    """Two directions of different sizes, each with half the weight."""
    first, second = np.array([0.0, 0.2]), np.array([0.6, 0.8, 1.0, 0.6])
    weights = np.concatenate([np.full(2, 1 / 4), np.full(4, 1 / 8)])
    found = bootstrap_interval(np.concatenate([first, second]), weights=weights)
    assert found.value == pytest.approx((first.mean() + second.mean()) / 2)
    assert found.low < found.value < found.high


def test_difference_is_paired():
    rng = np.random.default_rng(6)
    hard = rng.random(400)
    better = np.clip(hard + 0.01 + 0.01 * rng.normal(size=400), 0, 1)
    found = bootstrap_difference(hard, better)
    assert found.value == pytest.approx((better - hard).mean())
    assert 0 < found.low < found.high < 0.02
    back = bootstrap_difference(better, hard)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=2e-4)
    nothing = bootstrap_difference(hard, hard)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_one_query():
    found = bootstrap_interval([0.7])
    assert (found.value, found.low, found.high, found.num_units) == (0.7, 0.7, 0.7, 1)


def test_json():
    found = bootstrap_interval([0.7, 0.5, np.nan])
    assert Interval.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


def test_errors():
    with pytest.raises(DataError, match="none of the 2 queries has a value"):
        bootstrap_interval([np.nan, np.nan])
    with pytest.raises(DataError, match=r"came \(3,\), \(2,\) and \(3,\)"):
        bootstrap_interval([1, 2, 3], weights=[1, 2])
    with pytest.raises(DataError, match="confidence between 0 and 1"):
        bootstrap_interval([1], confidence=95)
    with pytest.raises(DataError, match="1 resample or more"):
        bootstrap_interval([1], resamples=0)
    with pytest.raises(DataError, match=r"on the same queries, came \(1,\) and \(2,\)"):
        bootstrap_difference([1], [1, 2])
    with pytest.raises(DataError, match="different queries were skipped"):
        bootstrap_difference([1, np.nan], [1, 2])
