"""Is the one that is asked for in the gallery at all? Alarms at a threshold, and how many of them are false.

A query raises an alarm if its nearest gallery row is closer than a threshold. With queries K whose identity is in the
gallery and queries U whose identity is not:

    false alarm rate                       share of U that raise an alarm
    detection and identification rate      share of K that raise an alarm whose nearest row shows their identity

Two kinds of unknown queries are looked at, each by itself. `absent`: queries of the set without a match among the rows
that count. `removed`: every query with a match, asked again in the gallery without the rows of its own identity.

Source: Phillips, Grother and Micheals 2011, "Evaluation methods in face recognition", in the Handbook of Face
Recognition, open-set identification at rank 1. Written from the definition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.protocol import matching
from resight.functional.distance import DISTANCES
from resight.functional.matching import Matching
from resight.functional.pair_counts import is_measurable
from resight.functional.ranking import ordered_keys
from resight.functional.tiles import distance_tiles

Floats = npt.NDArray[np.float64]
RATES = (0.001, 0.01, 0.1)
_CURVE_POINTS = 200


@dataclass(frozen=True)
class AlarmPoint:
    """An alarm is raised below `threshold`.

    false_alarm_rate: that was asked for. false_alarms: share of the unknown queries, `false_alarm_rate` at most.
    identified: detection and identification rate.
    """

    false_alarm_rate: float
    threshold: float
    false_alarms: float
    identified: float


@dataclass(frozen=True)
class Alarms:
    """One kind of unknown queries. curve: (false alarm rate, detection and identification rate), both ascending."""

    num_unknown: int
    points: tuple[AlarmPoint, ...]  # without rates that are too small for `num_unknown`
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class OpenSet:
    """Known queries, and their fate at the false alarm rates of unknown ones.

    absent: None where every query has a match in the gallery.
    """

    metric: str
    num_known: int
    removed: Alarms
    absent: Alarms | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "OpenSet":
        """The result that `to_json` gave."""
        kinds = {name: None if values[name] is None else _alarms(values[name]) for name in ("removed", "absent")}
        return cls(**{**values, **kinds})


def open_set(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    rates: Sequence[float] = RATES,
) -> OpenSet:
    """How many known queries are found at a given rate of false alarms; arguments as for `evaluate`, and:

    Args:
        query_embeddings: (Q, D) real.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.
        metric: as in `evaluate`.
        cross_camera: as in `evaluate`.
        rates: false alarm rates to report the detection and identification rate at, fractions.

    Raises:
        DataError: as `evaluate`, if no known query sees a row of another identity, or a rate is not a fraction.
    """
    if metric not in DISTANCES:
        raise DataError(f"open set: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    wrong = [rate for rate in rates if not 0 < rate < 1]
    if wrong:
        raise DataError(f"open set: expected false alarm rates between 0 and 1, came {wrong[0]}")
    codes = matching(query, gallery, cross_camera=cross_camera)
    queries, candidates = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    match, other, is_right = _nearest(queries, candidates, codes, metric)
    is_query = codes.query_label.numpy() >= 0  # without junk
    known = is_query & np.isfinite(match)
    removed = other[known & np.isfinite(other)]
    absent = other[is_query & ~known & np.isfinite(other)]
    if not len(removed):
        raise DataError(
            f"open set: of {is_query.sum():,} queries {known.sum():,} have a match in the gallery, and none of these "
            "sees a row of another identity; expected a gallery of several identities, the queries' ones among them"
        )
    identified = np.sort(match[known & is_right])
    num_known = int(known.sum())
    return OpenSet(
        metric=metric,
        num_known=num_known,
        removed=_measure(removed, identified, num_known, rates),
        absent=_measure(absent, identified, num_known, rates) if len(absent) else None,
    )


def _nearest(
    query: Tensor, gallery: Tensor, codes: Matching, metric: str
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """For each query the distance of its nearest match and of its nearest other row, infinity where there is none.

    And whether the match comes first; of two at the same distance the lower gallery row does.
    """
    last = torch.iinfo(torch.int64).max
    best = torch.full((2, len(query)), torch.inf, dtype=torch.float64, device=query.device)
    row = torch.full((2, len(query)), last, device=query.device)
    for tile in distance_tiles(query, gallery, codes, distance=DISTANCES[metric]):
        keys = ordered_keys(tile.distances)
        for kind, mask in enumerate((tile.match, tile.wrong)):
            key = keys.masked_fill(~mask, last).min(1).values  # (B,)
            column = torch.where(key == last, 0, key & 0xFFFFFFFF)  # the lower half of a key is the column
            found = tile.distances.gather(1, column[:, None])[:, 0].double()
            found = torch.where(key == last, torch.inf, found)
            closer = found < best[kind, tile.rows]  # an equal one in a later tile has a higher row
            best[kind, tile.rows] = torch.where(closer, found, best[kind, tile.rows])
            row[kind, tile.rows] = torch.where(closer, column + tile.columns.start, row[kind, tile.rows])
    is_right = (best[0] < best[1]) | ((best[0] == best[1]) & (row[0] < row[1]))
    return best[0].cpu().numpy(), best[1].cpu().numpy(), is_right.cpu().numpy()


def _measure(unknown: Floats, identified: Floats, num_known: int, rates: Sequence[float]) -> Alarms:
    """`identified`: distances of the known queries whose first row is right, ascending."""
    ordered = np.sort(unknown)

    def at(count: int) -> tuple[float, float, float]:
        """Threshold with `count` false alarms at most, the rate of them, and of identified queries."""
        threshold = float(ordered[min(count, len(ordered) - 1)])
        false_alarms = np.searchsorted(ordered, threshold) / len(ordered)
        return threshold, float(false_alarms), float(np.searchsorted(identified, threshold) / num_known)

    measurable = sorted({rate for rate in rates if is_measurable(rate, len(ordered))})
    points = (AlarmPoint(rate, *at(int(rate * len(ordered) * (1 + 1e-9)))) for rate in measurable)
    steps = np.unique(np.geomspace(1, len(ordered), _CURVE_POINTS).astype(np.int64)) - 1
    curve = sorted({at(int(count))[1:] for count in steps})
    everyone = (1.0, len(identified) / num_known)  # any threshold above all distances
    return Alarms(len(ordered), tuple(points), tuple(sorted({*curve, everyone})))


def _alarms(values: Mapping[str, Any]) -> Alarms:
    points = tuple(AlarmPoint(**point) for point in values["points"])
    return Alarms(values["num_unknown"], points, tuple((one[0], one[1]) for one in values["curve"]))
