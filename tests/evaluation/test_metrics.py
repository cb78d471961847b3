import numpy as np
import pytest
import torch

from resight.evaluation import metrics
from resight.functional.ranking import MatchRanks
from tests.oracles import metrics as oracle


def ranks_of(*queries, rows=10):
    lengths = [len(query) for query in queries]
    flat = torch.tensor([rank for query in queries for rank in query], dtype=torch.int64)
    return MatchRanks(flat, torch.tensor(lengths), torch.full((len(queries),), rows))


def test_hand_example():
    """Identity 7 seen by camera 0; without junk the ranked gallery reads wrong, right, right, wrong."""
    found = ranks_of([2, 3], rows=4)
    assert metrics.average_precision(found)[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert metrics.inverse_negative_penalty(found)[0] == pytest.approx(2 / 3)
    assert metrics.cumulative_matches(found, 6).tolist() == [0, 1, 1, 1, 1, 1]


def test_queries_without_match_are_nan_and_not_counted():
    found = ranks_of([], [1], [], [3, 4], [])
    np.testing.assert_allclose(metrics.average_precision(found), [np.nan, 1, np.nan, (1 / 3 + 2 / 4) / 2, np.nan])
    np.testing.assert_allclose(metrics.inverse_negative_penalty(found), [np.nan, 1, np.nan, 0.5, np.nan])
    np.testing.assert_array_equal(metrics.first_rank(found), [np.nan, 1, np.nan, 3, np.nan])
    assert metrics.cumulative_matches(found, 4).tolist() == [0.5, 0.5, 1, 1]
    assert np.isnan(metrics.chance_average_precision(found)[[0, 2, 4]]).all()


def test_matches_beyond_max_rank():
    assert metrics.cumulative_matches(ranks_of([9], [2]), 3).tolist() == [0, 0.5, 0.5]


@pytest.mark.parametrize(("matches", "rows"), [(1, 1), (1, 7), (3, 7), (7, 7), (2, 40), (20, 40)])
def test_chance_is_the_mean_over_random_orders(matches, rows):
    expected = metrics.chance_average_precision(ranks_of(range(1, matches + 1), rows=rows))[0]
    generator = np.random.default_rng(0)
    flags = np.arange(rows) < matches
    simulated = [oracle.average_precision(generator.permutation(flags)) for _ in range(2000)]
    error = np.std(simulated) / np.sqrt(len(simulated))
    assert abs(np.mean(simulated) - expected) <= 4 * error + 1e-12
