import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import DataError
from resight.functional.calibration import Calibration, CalibrationTest

TEST = CalibrationTest(0.3, math.log(2), 0.01, (None, 0.2), (None, 0.25), (0.0, 1.0))
ONE = Calibration(
    metric="cosine",
    cross_camera=True,
    prior=0.5,
    distances=(0.2, 0.4, 1.0),
    evidence=(4.0, 0.0, -6.0),
    thresholds=(0.1, 0.3, 0.5, 1.5),
    fpr=(0.0, 0.001, 0.1, 1.0),
    tpr=(0.1, 0.5, 0.9, 1.0),
    num_same=1000,
    num_different=50_000,
    num_identities=20,
    num_gallery=100,
    held_out=TEST,
)


def test_probability_by_hand():
    assert ONE.probability(0.4) == pytest.approx(0.5)
    assert ONE.probability(0.2) == ONE.probability(0.0) == pytest.approx(1 / (1 + math.exp(-4)))
    assert ONE.probability(0.7) == pytest.approx(1 / (1 + math.exp(3))), "evidence is interpolated"
    assert ONE.probability(9.0) == pytest.approx(1 / (1 + math.exp(6)))
    assert ONE.probability(0.4, prior=0.01) == pytest.approx(0.01), "no evidence: the prior stays"
    assert ONE.probability(0.2, prior=0.01) == pytest.approx(math.exp(4) * 0.01 / (math.exp(4) * 0.01 + 0.99))
    assert replace(ONE, prior=0.01).probability(0.4) == pytest.approx(0.01)


@given(st.lists(st.floats(-1, 1e6), min_size=1), st.floats(1e-9, 1 - 1e-9))
def test_probability_never_rises_with_the_distance(distances, prior):
    found = ONE.probability(np.array(sorted(distances)), prior=prior)
    assert ((found > 0) & (found < 1)).all()
    assert (np.diff(found) <= 0).all()


def test_many_distances_keep_their_shape_and_one_is_a_float():
    assert ONE.probability(np.full((2, 3), 0.4, dtype=np.float32)).shape == (2, 3)
    assert isinstance(ONE.probability(0.4), float)
    assert ONE.probability(np.array([])).shape == (0,)


def test_threshold_is_the_largest_that_keeps_the_rate():
    assert ONE.threshold_at_fpr(0.001) == 0.3
    assert ONE.threshold_at_fpr(0.09) == 0.3
    assert ONE.threshold_at_fpr(0.1) == 0.5
    assert ONE.threshold_at_fpr(0.0005) == 0.1


def test_table_by_hand():
    rows = ONE.table((0.1, 0.001, 1e-6), gallery_size=1001, matches=2)
    assert [(row.fpr, row.threshold, row.tpr) for row in rows] == [(0.1, 0.5, 0.9), (0.001, 0.3, 0.5)]
    assert rows[0].precision == pytest.approx(1.8 / (1.8 + 99.9))
    assert rows[1].precision == pytest.approx(1.0 / (1.0 + 0.999))
    nobody = replace(ONE, tpr=(0.0, 0.0, 0.0, 0.0), fpr=(0.0, 0.0, 0.0, 0.0))
    assert nobody.table((0.1,), gallery_size=10)[0].precision == 0.0


def test_json_keeps_everything():
    for one in (ONE, replace(ONE, held_out=None)):
        assert Calibration.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False))) == one


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evidence": (4.0, 0.0)}, "different lengths, or none"),
        ({"distances": (), "evidence": ()}, "different lengths, or none"),
        ({"evidence": (0.0, 4.0, 1.0)}, "evidence has to be finite and not rise"),
        ({"fpr": (0.0, 0.2, 0.1, 1.0)}, "fpr has to be finite and ascend"),
        ({"thresholds": (0.0, 0.1, 0.2, math.inf)}, "thresholds has to be finite"),
        ({"fpr": (0.1, 0.2, 0.3, 1.0)}, "begin without false positives"),
        ({"prior": 1.0}, "prior between 0 and 1"),
    ],
)
def test_numbers_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(ONE, **changes)


def test_bad_questions():
    with pytest.raises(DataError, match=r"1e-06 cannot be measured on 50,000 pairs .* ask for 2e-05 or more"):
        ONE.threshold_at_fpr(1e-6)
    for fpr in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(DataError, match="false positive rate between 0 and 1"):
            ONE.threshold_at_fpr(fpr)
    with pytest.raises(DataError, match="prior between 0 and 1, came 2"):
        ONE.probability(0.4, prior=2)
    with pytest.raises(DataError, match="came NaN"):
        ONE.probability(np.array([0.4, math.nan]))
    for size, matches in ((1, 1), (10, 10), (10, 0)):
        with pytest.raises(DataError, match="1 match or more in a gallery of more rows"):
            ONE.table(gallery_size=size, matches=matches)


def test_the_rate_that_an_error_names_is_accepted():
    few = replace(ONE, num_different=224)
    with pytest.raises(DataError, match=r"ask for 0\.0045 or more"):
        few.threshold_at_fpr(0.001)
    assert few.threshold_at_fpr(0.0045) == few.threshold_at_fpr(1 / 224)
    assert len(few.table((0.0045,), gallery_size=10)) == 1
