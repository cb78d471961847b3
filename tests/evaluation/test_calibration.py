import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import calibrate, check_calibration, isotonic
from resight.evaluation.isotonic import evidence_curve
from resight.evaluation.verification import counted_pairs
from resight.functional.pair_counts import PairCounts
from tests.evaluation.drawn import as_manifest, clustered
from tests.oracles.metrics import Row

PLAIN = {"metric": "squared_euclidean", "cross_camera": True}


def pair_counts(same, different):
    lower = np.arange(len(same)) + 1.0
    return PairCounts(lower, lower + 1, np.array(same), np.array(different))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_the_curve_never_rises_and_pools_as_isotonic_regression(drawn):
    """Shares of the blocks against the max-min formula of the regression."""
    same, different = zip(*drawn, strict=True)
    if not sum(same) or not sum(different):
        return
    counts = pair_counts(same, different)
    distances, evidence = evidence_curve(counts)
    assert (np.diff(evidence) <= 0).all()
    assert (np.diff(distances) > 0).all()
    assert np.isfinite(evidence).all()
    s, d = np.array(same) / sum(same), np.array(different) / sum(different)
    kept = np.flatnonzero(s + d)
    levels = [
        min(max(s[a : b + 1].sum() / (s + d)[a : b + 1].sum() for b in kept if b >= i) for a in kept if a <= i)
        for i in kept
    ]
    blocks = isotonic._pool(
        PairCounts(counts.lower[kept], counts.upper[kept], counts.same[kept], counts.different[kept])
    )
    shares = [block[0] / (block[0] + block[1]) for block in blocks]
    gaps = np.abs(np.array(shares)[:, None] - np.array(levels))  # two levels may be equal but for rounding
    assert max(gaps.min(0).max(), gaps.min(1).max()) < 1e-12


def test_evidence_of_two_distances_by_hand():
    distances, evidence = evidence_curve(pair_counts([30, 10], [100, 900]))
    assert distances.tolist() == [1.5, 2.5]
    assert evidence[0] == pytest.approx(math.log((30.5 / 40.5) / (100.5 / 1000.5)))
    assert evidence[1] == pytest.approx(math.log((10.5 / 40.5) / (900.5 / 1000.5)))
    never_wrong = evidence_curve(pair_counts([40, 0], [0, 1000]))[1]
    assert never_wrong[0] == pytest.approx(math.log((40.5 / 40.5) / (0.5 / 1000.5))), "as sure as 1,000 pairs allow"


def test_useless_distances_say_nothing():
    evidence = evidence_curve(pair_counts([10, 10, 10], [100, 100, 100]))[1]
    assert evidence == pytest.approx([0.0], abs=0.02)
    upside_down = evidence_curve(pair_counts([1, 10], [100, 10]))[1]
    assert upside_down == pytest.approx([0.0], abs=0.05)


@pytest.fixture(scope="module")
def learned():
    vectors, rows = clustered(150, seed=0)
    return calibrate(vectors, rows, vectors, rows)


def test_it_is_calibrated_on_other_identities(learned):
    vectors, rows = clustered(200, seed=1)
    counts = counted_pairs(vectors, rows, vectors, rows, **PLAIN)
    for prior in (0.5, 0.1, 0.01):
        seen = check_calibration(learned, counts, prior=prior)
        assert seen.calibration_error < 0.1 * min(prior, 0.25), prior
        assert seen.log_loss < 0.75 * seen.chance_log_loss, prior
    assert learned.held_out.calibration_error < 0.03
    assert learned.held_out.log_loss == pytest.approx(check_calibration(learned, counts).log_loss, abs=0.06)


def test_probability_is_the_share_of_one_identity_among_pairs_at_that_distance(learned):
    """Straight from pairs of new identities: as many of one identity as of two, in slices of distance."""
    vectors, rows = clustered(200, seed=2)
    distances = 2 - 2 * vectors @ vectors.T
    pid, camera = rows.codes("pid", rows.identities()), rows.codes("camid", rows.cameras())
    same = distances[(pid[:, None] == pid) & (camera[:, None] != camera)]
    different = distances[pid[:, None] != pid]
    for low, high in ((0.2, 0.4), (0.6, 0.8), (0.9, 1.1), (1.3, 1.5)):
        shares = [float(((part >= low) & (part < high)).mean()) for part in (same, different)]
        said = learned.probability((low + high) / 2)
        assert said == pytest.approx(shares[0] / sum(shares), abs=0.06), (low, high)


def test_the_number_of_negative_pairs_does_not_matter():
    """Distractors multiply the pairs of two identities, not the probability."""
    vectors, rows = clustered(60, seed=3)
    more = np.random.default_rng(0).normal(size=(2000, vectors.shape[1])).astype(np.float32)
    more /= np.linalg.norm(more, axis=1, keepdims=True)
    distractors = Manifest.from_columns({"image": [f"d{i}" for i in range(2000)], "pid": [None] * 2000}, "/set")
    few = calibrate(vectors, rows, vectors, rows)
    many = calibrate(vectors, rows, np.concatenate([vectors, more]), Manifest.concat([rows, distractors]))
    assert many.num_different > 6 * few.num_different
    for distance in (0.3, 0.7, 1.0, 1.4):
        assert many.probability(distance) == pytest.approx(few.probability(distance), abs=0.05)


def test_thresholds_do_what_they_promise(learned):
    vectors, rows = clustered(200, seed=4)
    distances = 2 - 2 * vectors @ vectors.T
    pid = rows.codes("pid", rows.identities())
    different = distances[pid[:, None] != pid]
    for fpr in (0.1, 0.01, 0.001):
        assert (different < learned.threshold_at_fpr(fpr)).mean() == pytest.approx(fpr, rel=0.3)


def test_halves_share_no_identity(monkeypatch):
    """Identities that are never queried take part as others; they too are in one half only."""
    import resight.evaluation.calibration as module

    vectors, rows = clustered(12, seed=5)
    gallery_only, more_rows = clustered(9, seed=6)
    nameless = Manifest.from_columns({"image": ["x", "y"], "pid": [None, None]}, "/set")
    gallery = Manifest.concat([rows, more_rows, nameless])
    gallery_vectors = np.concatenate([vectors, gallery_only, np.eye(2, 16, dtype=np.float32)])
    seen = []

    def spy(query, gallery, codes, *, distance):
        seen.append((query.numpy(), gallery.numpy()))
        return count(query, gallery, codes, distance=distance)

    count = module.count_pairs
    monkeypatch.setattr(module, "count_pairs", spy)
    found = calibrate(vectors, rows, gallery_vectors, gallery)
    whole, *halves = seen
    assert [len(side) for side in whole] == [72, 72 + 54 + 2]
    names = gallery.column("pid")
    where = {vector.tobytes(): names[i] for i, vector in enumerate(gallery_vectors[:-2])}
    owners = [{where.get(vector.tobytes()) for side in half for vector in side} - {None} for half in halves]
    assert not owners[0] & owners[1]
    assert owners[0] | owners[1] == set(names[:-2])
    assert sorted(len(half[0]) for half in halves) == [36, 36]
    assert sum(len(half[1]) for half in halves) == len(gallery)
    assert found.num_identities == 12


def test_few_identities_have_no_test():
    vectors, rows = clustered(3, seed=7)
    found = calibrate(vectors, rows, vectors, rows)
    assert found.held_out is None
    assert found.num_identities == 3


def test_the_same_seed_gives_the_same_calibration():
    vectors, rows = clustered(20, seed=8)
    assert calibrate(vectors, rows, vectors, rows) == calibrate(vectors, rows, vectors, rows)
    other = calibrate(vectors, rows, vectors, rows, seed=1)
    assert other.held_out != calibrate(vectors, rows, vectors, rows).held_out
    assert other.evidence == calibrate(vectors, rows, vectors, rows).evidence


def test_junk_and_the_own_camera_are_left_out():
    rows = as_manifest("g", [Row("1", "a"), Row("1", "a"), Row("1", "b"), Row("2", "a"), Row("2", "b", junk=True)])
    points = torch.arange(5.0)[:, None]
    found = calibrate(points, rows, points, rows)
    assert (found.num_same, found.num_different, found.num_identities, found.num_gallery) == (4, 6, 1, 4)
    within = calibrate(points, rows, points, rows, cross_camera=False)
    assert (within.num_same, within.num_different) == (6, 6)


def test_errors():
    one, two = as_manifest("q", [Row("1", "a")]), as_manifest("g", [Row("1", "b"), Row("2", "b")])
    vectors = torch.zeros(1, 1), torch.zeros(2, 1)
    with pytest.raises(DataError, match="came 'l1'"):
        calibrate(vectors[0], one, vectors[1], two, metric="l1")
    with pytest.raises(DataError, match="a prior between 0 and 1, came 1"):
        calibrate(vectors[0], one, vectors[1], two, prior=1)
    with pytest.raises(DataError, match="no pair of one identity"):
        calibrate(vectors[0], as_manifest("q", [Row("3", "a")]), vectors[1], two)
    with pytest.raises(DataError, match="all 2 pairs show one identity"):
        calibrate(vectors[0], one, vectors[1], as_manifest("g", [Row("1", "b"), Row("1", "c")]))
