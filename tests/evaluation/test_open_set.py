import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.errors import DataError
from resight.evaluation import OpenSet, open_set
from resight.functional import tiles
from tests.evaluation.drawn import as_manifest, clustered, on_a_line, sets, squared
from tests.oracles import pairs as oracle
from tests.oracles.metrics import Row

RATES = (0.34, 0.5)


@given(sets(), st.booleans(), st.sampled_from([3, 1000]))
@settings(max_examples=150, deadline=None)
def test_equals_the_definition(drawn, cross_camera, pairs):
    query, gallery, query_points, gallery_points = drawn
    distances = squared(query_points, gallery_points)
    sides = (on_a_line(query_points), as_manifest("q", query), on_a_line(gallery_points), as_manifest("g", gallery))
    expected = {
        kind: [oracle.open_set(distances, query, gallery, rate, kind, cross_camera) for rate in RATES]
        for kind in ("removed", "absent")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "_PAIRS", pairs)
        if expected["removed"][0] is None:
            with pytest.raises(DataError, match=r"sees a row of another identity|marked junk"):
                open_set(*sides, cross_camera=cross_camera)
            return
        found = open_set(*sides, cross_camera=cross_camera, rates=RATES)
    assert (found.absent is None) == (expected["absent"][0] is None)
    for kind, alarms in (("removed", found.removed), ("absent", found.absent)):
        for point in alarms.points if alarms else ():
            assert point.identified == pytest.approx(expected[kind][RATES.index(point.false_alarm_rate)]), kind
            assert point.false_alarms <= point.false_alarm_rate


def test_hand_example():
    """Three known queries at 1, 2 and 5 from their match, whose nearest other row is at 4, 3 and 2; a stranger at 3."""
    query = as_manifest("q", [Row("1", "a"), Row("2", "a"), Row("3", "a"), Row("9", "a")])
    gallery = as_manifest("g", [Row("1", "b"), Row("2", "b"), Row("3", "b"), Row(None, "b")])
    matrix = torch.tensor([[1.0, 9, 9, 4], [9, 2, 9, 3], [9, 9, 5, 2], [9, 9, 9, 3]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(open_set.__globals__["DISTANCES"], "cosine", lambda a, b: matrix)
        found = open_set(torch.zeros(4, 1), query, torch.zeros(4, 1), gallery, metric="cosine", rates=[0.34, 0.9])
    assert (found.num_known, found.removed.num_unknown, found.absent.num_unknown) == (3, 3, 1)
    first, second = found.removed.points
    assert (first.threshold, first.false_alarms, first.identified) == (3.0, pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (second.threshold, second.identified) == (4.0, pytest.approx(2 / 3))
    assert found.absent.points == (), "one stranger cannot measure a rate below 1"
    assert found.absent.curve == ((0.0, pytest.approx(2 / 3)), (1.0, pytest.approx(2 / 3)))


def test_at_all_alarms_the_rate_is_rank_1_and_the_curve_ascends():
    vectors, rows = clustered(40, seed=0)
    found = open_set(vectors[::2], rows.select(range(0, 240, 2)), vectors[1::2], rows.select(range(1, 240, 2)))
    rates = [rate for rate, _ in found.removed.curve]
    identified = [value for _, value in found.removed.curve]
    assert rates == sorted(rates)
    assert identified == sorted(identified)
    assert found.removed.curve[-1][0] == 1
    assert found.absent is None
    again = OpenSet.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again == found


def test_errors():
    query, gallery = as_manifest("q", [Row("1", "a")]), as_manifest("g", [Row("1", "b")])
    with pytest.raises(DataError, match=r"of 1 queries 1 have a match .*none of these sees a row of another"):
        open_set(torch.zeros(1, 1), query, torch.zeros(1, 1), gallery)
    with pytest.raises(DataError, match="came 'l1'"):
        open_set(torch.zeros(1, 1), query, torch.zeros(1, 1), gallery, metric="l1")
    with pytest.raises(DataError, match="false alarm rates between 0 and 1, came 0"):
        open_set(torch.zeros(1, 1), query, torch.zeros(1, 1), gallery, rates=[0])
