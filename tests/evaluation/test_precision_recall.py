import numpy as np
import pytest
import torch

from resight.errors import DataError
from resight.evaluation.precision_recall import PrecisionRecall, precision_recall
from resight.functional.ranking import MatchRanks


def ranks(*queries):
    flat = torch.tensor([rank for query in queries for rank in query], dtype=torch.int64)
    counts = torch.tensor([len(query) for query in queries])
    return MatchRanks(flat, counts, torch.full_like(counts, 100))


def slowly(queries, level):
    """From the definition: the best precision at this recall or a higher one, the mean over the queries."""
    found = []
    for query in queries:
        points = [((k + 1) / len(query), (k + 1) / rank) for k, rank in enumerate(query)]
        found.append(max(precision for recall, precision in points if recall >= level - 1e-9))
    return float(np.mean(found))


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    queries = [sorted(rng.choice(np.arange(1, 60), size=size, replace=False).tolist()) for size in (1, 2, 3, 7, 11)]
    curve = precision_recall(ranks(*queries))
    assert curve.recall == pytest.approx(np.arange(101) / 100)
    assert curve.precision == pytest.approx([slowly(queries, level) for level in curve.recall])
    assert (np.diff(curve.precision) <= 1e-12).all()


def test_by_hand_and_queries_without_match_do_not_count():
    curve = precision_recall(ranks([1, 4], []))
    assert curve.precision[0] == curve.precision[50] == 1
    assert curve.precision[51] == curve.precision[100] == 0.5


def test_back_from_json():
    curve = precision_recall(ranks([1, 4, 9], [2]))
    again = PrecisionRecall.from_json(curve.to_json())
    assert again.recall == pytest.approx(curve.recall)
    assert again.precision == pytest.approx(curve.precision, abs=1e-6)


def test_no_query_with_a_match():
    with pytest.raises(DataError, match="none of the 2 queries has a match"):
        precision_recall(ranks([], []))
