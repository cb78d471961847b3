"""What explains the numbers of an evaluation: how sure they are, where they fail, and what a distance tells."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from resight.data.draws import gallery_masks
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import Report
from resight.evaluation.bootstrap import Interval, bootstrap_interval
from resight.evaluation.calibration import check_calibration
from resight.evaluation.camera_pairs import CameraPairs, camera_pairs, has_camera_pairs
from resight.evaluation.groups import Groups, groups
from resight.evaluation.open_set import OpenSet, open_set
from resight.evaluation.protocol import matching
from resight.evaluation.verification import FPRS, Verification, counted_pairs, verification_of_counts
from resight.functional.calibration import Calibration, CalibrationTest
from resight.functional.pair_counts import is_measurable, lowest_rate
from resight.recipes.evaluation_set import EvaluationSet

_logger = logging.getLogger(__name__)

Vectors = tuple[np.ndarray, np.ndarray]
Sides = tuple[np.ndarray, Manifest, np.ndarray, Manifest]
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Details:
    """What explains a report; None where the rows cannot tell.

    over_queries, over_identities: of the mAP, queries or whole identities being drawn again; queries that are the mean
    of the same images are drawn together. camera_pairs: by camera of
    query and gallery. groups: of the column that was asked for. verification, open_set: of the first draw or direction.
    calibration: how the model's own one holds on these pairs.
    """

    over_queries: Interval
    over_identities: Interval
    camera_pairs: CameraPairs | None
    groups: Groups | None
    verification: Verification | None
    open_set: OpenSet | None
    calibration: CalibrationTest | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        names = ("camera_pairs", "groups", "verification", "open_set")
        parts = {name: None if getattr(self, name) is None else getattr(self, name).to_json() for name in names}
        return {
            "mean_ap_interval": {
                "over_queries": self.over_queries.to_json(),
                "over_identities": self.over_identities.to_json(),
            },
            **parts,
            "calibration": None if self.calibration is None else vars(self.calibration),
        }


def details(
    test: EvaluationSet,
    vectors: Vectors,
    report: Report,
    *,
    by: str | None = None,
    fars: Sequence[float] = (),
    calibration: Calibration | None = None,
    multi_query: bool = False,
) -> Details:
    """Explain a report. The distances are those of the embeddings, as they are.

    Args:
        test: the rows, and how they were evaluated.
        vectors: embeddings of query and gallery.
        report: of these.
        by: column of groups of queries.
        fars: false accept rates that are wanted beside the usual ones.
        calibration: of the model.
        multi_query: whether these query embeddings are those of `EvaluationSet.merge_queries`.

    Raises:
        DataError: if there is no such column, or a rate cannot be measured on these pairs.
    """
    sides = first_sides(test, vectors)
    protocol: dict[str, Any] = {"metric": test.section.metric, "cross_camera": test.section.cross_camera}
    over_queries, over_identities = _intervals(test, report, multi_query=multi_query)
    found = _or_none(lambda: _pairs(sides, protocol, fars, calibration), required=bool(fars))
    pairs, check = found or (None, None)
    return Details(
        over_queries=over_queries,
        over_identities=over_identities,
        camera_pairs=camera_pairs(*sides, **protocol) if has_camera_pairs(sides[1], sides[3]) else None,
        groups=None if by is None else groups(report, Manifest.concat(_query_parts(test)), by=by),
        verification=pairs,
        open_set=_or_none(lambda: open_set(*sides, **protocol), required=False),
        calibration=check,
    )


def first_sides(test: EvaluationSet, vectors: Vectors) -> Sides:
    """Embeddings and rows of query and gallery, of the first draw where the test draws its galleries."""
    query, gallery = vectors
    rows = test.rows()
    masks = gallery_masks(rows)
    if not masks:
        return query, test.query, gallery, test.gallery
    both = np.concatenate([query, gallery])
    return both[~masks[0]], rows.select(~masks[0]), both[masks[0]], rows.select(masks[0])


def _pairs(
    sides: Sides, protocol: dict[str, Any], fars: Sequence[float], calibration: Calibration | None
) -> tuple[Verification, CalibrationTest | None]:
    counts = counted_pairs(*sides, **protocol)
    for far in fars:
        if not 0 < far < 1:
            raise DataError(f"false positive rate: expected a fraction between 0 and 1, came {far:g}")
    small = [far for far in fars if not is_measurable(far, counts.num_different)]
    if small:
        raise DataError(
            f"a false positive rate of {small[0]:g} cannot be measured on {counts.num_different:,} pairs of two "
            f"identities; ask for {lowest_rate(counts.num_different)} or more"
        )
    fits = calibration is not None and calibration.metric == protocol["metric"]
    check = check_calibration(calibration, counts) if calibration is not None and fits else None
    return verification_of_counts(counts, metric=protocol["metric"], fars=[*FPRS, *fars]), check


def _intervals(test: EvaluationSet, report: Report, *, multi_query: bool) -> tuple[Interval, Interval]:
    """Of the mAP; each draw or direction has the same weight, however many queries it has."""
    parts = _query_parts(test)
    precision = report.average_precision
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    weights = np.zeros(len(precision))
    for start, end in pairwise(bounds):
        weights[start:end] = 1 / max(1, int((~np.isnan(precision[start:end])).sum()))
    everyone = Manifest.concat(parts)
    images = image_numbers(test, multi_query=multi_query)
    identities = everyone.codes("pid", everyone.distinct("pid"))
    intervals = [bootstrap_interval(precision, weights=weights, clusters=codes) for codes in (images, identities)]
    return intervals[0], intervals[1]


def _query_parts(test: EvaluationSet) -> list[Manifest]:
    """The rows that were queries, in the order of the report's per-query numbers."""
    rows = test.rows()
    masks = gallery_masks(rows)
    if masks:
        return [rows.select(~mask) for mask in masks]
    return [test.query, test.gallery] if test.both_directions else [test.query]


def image_numbers(test: EvaluationSet, *, multi_query: bool = False) -> npt.NDArray[np.int64]:
    """Which row each of the report's queries is: in several draws the same image is asked again.

    Queries of several images are the same where identity and camera are: they have the number of the first of them.
    """
    masks = gallery_masks(test.rows())
    if masks:
        return np.concatenate([np.flatnonzero(~mask) for mask in masks])
    numbers = np.arange(len(test.query) + (len(test.gallery) if test.both_directions else 0))
    if not multi_query:
        return numbers
    group = matching(test.query, test.gallery, cross_camera=True).query_group.numpy()
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    return np.where(group >= 0, first[place], numbers)


def _or_none(find: Callable[[], _Found], *, required: bool) -> _Found | None:
    """None, with a log line, where the rows lack a kind of pairs."""
    try:
        return find()
    except DataError as error:
        if required:
            raise
        _logger.info("left out: %s", error)
        return None
