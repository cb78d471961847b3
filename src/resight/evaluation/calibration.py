"""Same or not? From labelled pairs a `Calibration`, and its test on identities that had no part in it."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.isotonic import evidence_curve
from resight.evaluation.protocol import matched_queries, matching
from resight.evaluation.verification import required_pairs
from resight.functional.calibration import Calibration, CalibrationTest
from resight.functional.distance import DISTANCES
from resight.functional.matching import Matching
from resight.functional.pair_counts import PairCounts, count_pairs, roc_curve

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BINS = 15


def calibrate(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    prior: float = 0.5,
    seed: int = 0,
) -> Calibration:
    """Learn what a distance says about "same or not" from all pairs of a query and a gallery row that counts for it.

    The rows should be of identities that the model was not trained on: distances of those it was trained on are
    better than any it will see later. Gallery rows without identity count as other identities, as in `evaluate`.

    Its test parts the identities at random into two halves, learns from the pairs within one half, looks at those
    within the other, and the other way round; what comes back was learned from all pairs.

    Args:
        query_embeddings: (Q, D) real.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.
        metric: the distance, as in `evaluate`.
        cross_camera: as in `evaluate`.
        prior: probability of "same" before looking that the calibration keeps as its own, and is tested at.
        seed: of the halves.

    Raises:
        DataError: as `evaluate`, or if there are no pairs of one identity or none of two.
    """
    if metric not in DISTANCES:
        raise DataError(f"calibration: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    if not 0 < prior < 1:
        raise DataError(f"calibration: expected a prior between 0 and 1, came {prior}")
    codes = matching(query, gallery, cross_camera=cross_camera)
    sides = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    distance = DISTANCES[metric]
    counts = required_pairs(count_pairs(*sides, codes, distance=distance), cross_camera)
    distances, evidence = evidence_curve(counts)
    roc = roc_curve(counts)
    identities = _identity_codes(query, gallery)
    paired = np.unique(identities[0][matched_queries(codes)])
    halves = [count_pairs(*part, distance=distance) for part in _halves(*sides, codes, identities, paired, seed)]
    return Calibration(
        metric=metric,
        cross_camera=cross_camera,
        prior=prior,
        distances=tuple(distances.tolist()),
        evidence=tuple(evidence.tolist()),
        thresholds=tuple(roc.threshold.tolist()),
        fpr=tuple(roc.fpr.tolist()),
        tpr=tuple(roc.tpr.tolist()),
        num_same=counts.num_same,
        num_different=counts.num_different,
        num_identities=len(paired),
        num_gallery=int(codes.gallery_counts.sum()),
        held_out=_held_out(halves, prior),
    )


def check_calibration(calibration: Calibration, counts: PairCounts, *, prior: float | None = None) -> CalibrationTest:
    """How well a calibration holds on pairs that it was not made from.

    Args:
        calibration: what is tested.
        counts: pairs of both kinds, by the calibration's metric.
        prior: the pairs are weighted so that this share of all weight is of one identity; None: the calibration's own.
    """
    return _test(calibration.distances, calibration.evidence, counts, calibration.prior if prior is None else prior)


def _test(
    distances: Sequence[float] | Floats, evidence: Sequence[float] | Floats, counts: PairCounts, prior: float
) -> CalibrationTest:
    prior_odds = np.log(prior / (1 - prior))
    log_odds = np.interp(counts.middle, distances, evidence) + prior_odds
    said: Floats = np.exp(-np.logaddexp(0.0, -log_odds))
    same: Floats = counts.same * np.float64(prior / counts.num_same)
    different: Floats = counts.different * np.float64((1 - prior) / counts.num_different)
    both: Floats = same + different
    loss = same @ np.logaddexp(0.0, -log_odds) + different @ np.logaddexp(0.0, log_odds)
    place = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    share, said_sum, seen_sum = (_bin_sums(place, weights) for weights in (both, said * both, same))
    return CalibrationTest(
        log_loss=float(loss),
        chance_log_loss=float(-prior * np.log(prior) - (1 - prior) * np.log(1 - prior)),
        calibration_error=float(np.abs(said_sum - seen_sum).sum()),
        said=_quotients(said_sum, share),
        seen=_quotients(seen_sum, share),
        share=tuple(share.tolist()),
    )


def _bin_sums(place: Codes, weights: Floats) -> Floats:
    return np.bincount(place, weights=weights, minlength=_BINS).astype(np.float64)


def _quotients(numerators: Floats, denominators: Floats) -> tuple[float | None, ...]:
    return tuple(float(n / d) if d > 0 else None for n, d in zip(numerators, denominators, strict=True))


def _held_out(halves: list[PairCounts], prior: float) -> CalibrationTest | None:
    """The mean of learning from each half and looking at the other; None where a half lacks a kind of pairs."""
    if not all(half.num_same and half.num_different for half in halves):
        return None
    tests = [
        _test(*evidence_curve(learned), seen, prior) for learned, seen in zip(halves, reversed(halves), strict=True)
    ]
    share = np.mean([test.share for test in tests], axis=0)

    def mean(name: str) -> float:
        return float(np.mean([getattr(test, name) for test in tests]))

    def weighted(name: str) -> tuple[float | None, ...]:
        sums = np.array([[(value or 0.0) for value in getattr(test, name)] for test in tests])
        return _quotients((sums * [test.share for test in tests]).mean(0), share)

    return CalibrationTest(
        log_loss=mean("log_loss"),
        chance_log_loss=mean("chance_log_loss"),
        calibration_error=mean("calibration_error"),
        said=weighted("said"),
        seen=weighted("seen"),
        share=tuple(share.tolist()),
    )


def _identity_codes(query: Manifest, gallery: Manifest) -> tuple[Codes, Codes]:
    """One code for each identity of either side, (Q,) and (G,); -1 for rows without."""
    identities = sorted({*query.identities(), *gallery.identities()})
    return query.codes("pid", identities), gallery.codes("pid", identities)


def _halves(
    query: Tensor, gallery: Tensor, codes: Matching, identities: tuple[Codes, Codes], paired: Codes, seed: int
) -> Iterator[tuple[Tensor, Tensor, Matching]]:
    """Both halves of the identities, those with pairs shared out evenly; rows without identity go to either."""
    rng = np.random.default_rng(seed)
    query_identity, gallery_identity = identities
    num_identities = int(max(query_identity.max(), gallery_identity.max())) + 1
    half_of = np.empty(num_identities, dtype=np.int64)
    for group in (paired, np.setdiff1d(np.arange(num_identities), paired)):
        half_of[rng.permutation(group)] = np.arange(len(group)) % 2
    query_half = np.where(query_identity >= 0, half_of[query_identity], -1)
    gallery_half = np.where(gallery_identity >= 0, half_of[gallery_identity], np.arange(len(gallery_identity)) % 2)
    for half in (0, 1):
        rows, columns = (torch.from_numpy(np.flatnonzero(side == half)) for side in (query_half, gallery_half))
        part = Matching(
            codes.query_label[rows],
            codes.gallery_label[columns],
            codes.query_group[rows],
            codes.gallery_group[columns],
            codes.gallery_counts[columns],
        )
        yield query[rows.to(query.device)], gallery[columns.to(gallery.device)], part
