import json

import numpy as np
import pytest

from resight.filtering.overlap import overlap


def masks():
    return {
        "cfs": np.array([1, 1, 1, 0, 0, 0], dtype=bool),
        "nearest": np.array([1, 0, 1, 1, 0, 0], dtype=bool),
        "sharpness": np.array([0, 0, 1, 0, 1, 1], dtype=bool),
    }


def test_counts_by_hand():
    found = overlap(masks())
    assert found.shared.tolist() == [[3, 2, 1], [2, 3, 1], [1, 1, 3]]
    assert (found.by_all, found.total) == (1, 6)
    assert found.only().tolist() == [[0, 1, 2], [1, 0, 2], [2, 2, 0]]
    np.testing.assert_allclose(found.jaccard(), [[1, 0.5, 0.2], [0.5, 1, 0.2], [0.2, 0.2, 1]])


def test_equals_sets():
    rng = np.random.default_rng(0)
    choices = {str(share): rng.random(500) < share for share in (0.0, 0.1, 0.5, 1.0)}
    rows = [set(np.flatnonzero(mask).tolist()) for mask in choices.values()]
    found = overlap(choices)
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert found.shared[i, j] == len(one & other)
            assert found.only()[i, j] == len(one - other)
            if one | other:
                assert found.jaccard()[i, j] == pytest.approx(len(one & other) / len(one | other))
    assert np.isnan(found.jaccard()[0, 0])


def test_as_json():
    content = json.loads(json.dumps(overlap(masks()).to_json()))
    assert content["images"] == 6
    assert content["kept"] == {"cfs": 3, "nearest": 3, "sharpness": 3}
    assert content["kept_by_all"] == 1
    assert [(pair["first"], pair["second"], pair["both"]) for pair in content["pairs"]] == [
        ("cfs", "nearest", 2),
        ("cfs", "sharpness", 1),
        ("nearest", "sharpness", 1),
    ]
    assert content["pairs"][1]["only_first"] == 2
    empty = overlap({"a": np.zeros(3, dtype=bool), "b": np.zeros(3, dtype=bool)}).to_json()
    assert empty["pairs"][0]["jaccard"] is None


@pytest.mark.parametrize("choices", [{}, {"a": np.ones(3, dtype=bool), "b": np.ones(4, dtype=bool)}])
def test_choices_that_do_not_fit(choices):
    with pytest.raises(ValueError, match="equally many images"):
        overlap(choices)
