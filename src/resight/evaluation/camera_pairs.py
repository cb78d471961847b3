"""Which pair of cameras fails: the metrics of the queries of one camera in the gallery of another."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from resight.data.manifest import Manifest, sort_naturally
from resight.errors import DataError
from resight.evaluation import metrics
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.protocol import matching
from resight.functional.distance import DISTANCES
from resight.functional.matching import Matching
from resight.functional.ranking import rank_matches

Floats = npt.NDArray[np.float64]
MAX_CAMERAS = 500
"""With more, such as where every image has a camera of its own, nobody reads the matrix, and it grows by the square."""


class CameraPair(NamedTuple):
    """Queries of one camera in the gallery of one camera; None is an unknown camera."""

    query_camera: str | None
    gallery_camera: str | None
    mean_ap: float
    rank_1: float
    num_queries: int


@dataclass(frozen=True, eq=False)
class CameraPairs:
    """Row: camera of the queries. Column: the only camera whose gallery rows count."""

    cameras: tuple[str | None, ...]  # C in natural order; None at the end, if a row has no camera
    mean_ap: Floats  # (C, C), NaN where no query has a match
    rank_1: Floats  # (C, C), likewise
    num_queries: npt.NDArray[np.int64]  # (C, C) queries with a match

    def pairs(self) -> list[CameraPair]:
        """Those with a query that has a match, lowest mAP first."""
        found = [
            CameraPair(
                self.cameras[i],
                self.cameras[j],
                float(self.mean_ap[i, j]),
                float(self.rank_1[i, j]),
                int(self.num_queries[i, j]),
            )
            for i, j in np.argwhere(self.num_queries > 0).tolist()
        ]
        return sorted(found, key=lambda pair: (pair.mean_ap, -pair.num_queries))

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; NaN and an unknown camera are None."""
        return {
            "cameras": list(self.cameras),
            "mean_ap": _without_nan(self.mean_ap),
            "rank_1": _without_nan(self.rank_1),
            "num_queries": self.num_queries.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CameraPairs":
        """The result that `to_json` gave."""
        mean_ap, rank_1 = (np.array(values[name], dtype=np.float64) for name in ("mean_ap", "rank_1"))
        return cls(tuple(values["cameras"]), mean_ap, rank_1, np.array(values["num_queries"], dtype=np.int64))


def camera_pairs(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
) -> CameraPairs:
    """Mean average precision and Rank-1 for each pair of a query and a gallery camera; arguments as for `evaluate`.

    Each column is an evaluation against the gallery rows of that camera alone. These are smaller galleries with fewer
    wrong answers, so the numbers are not parts of the whole mAP, but they compare with each other down a column.
    Across cameras the diagonal is empty. The work is that of one evaluation, whatever the number of cameras.

    Raises:
        DataError: as `evaluate`, except that it is no error if no query has a match.
    """
    if metric not in DISTANCES:
        raise DataError(f"camera pairs: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    codes = matching(query, gallery, cross_camera=cross_camera)
    queries, candidates = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    cameras, query_camera, gallery_camera = _cameras(query, gallery)
    mean_ap, rank_1 = (np.full((len(cameras), len(cameras)), np.nan) for _ in range(2))
    num_queries = np.zeros((len(cameras), len(cameras)), dtype=np.int64)
    for j in range(len(cameras)):
        columns = torch.from_numpy(np.flatnonzero(gallery_camera == j))
        if not len(columns):
            continue
        part = candidates[columns.to(candidates.device)]
        found = rank_matches(queries, part, _of_gallery(codes, columns), distance=DISTANCES[metric])
        precision, is_first = metrics.average_precision(found), metrics.first_rank(found) == 1
        has_match = ~np.isnan(precision)
        num_queries[:, j] = np.bincount(query_camera[has_match], minlength=len(cameras))
        for target, values in ((mean_ap, precision), (rank_1, is_first)):
            sums = np.bincount(query_camera[has_match], weights=values[has_match], minlength=len(cameras))
            np.divide(sums, num_queries[:, j], out=target[:, j], where=num_queries[:, j] > 0)
    return CameraPairs(cameras, mean_ap, rank_1, num_queries)


def has_camera_pairs(query: Manifest, gallery: Manifest) -> bool:
    """Whether the rows have two cameras at least, and few enough for a matrix."""
    return 1 < len({*query.cameras(), *gallery.cameras()}) <= MAX_CAMERAS


def _cameras(
    query: Manifest, gallery: Manifest
) -> tuple[tuple[str | None, ...], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The cameras, and which one each row has."""
    names = sort_naturally({*query.cameras(), *gallery.cameras()})
    sides = [np.where(side.column("junk"), -2, side.codes("camid", names)) for side in (query, gallery)]
    cameras: tuple[str | None, ...] = tuple(names)
    if any((side == -1).any() for side in sides):
        cameras = (*names, None)
    query_camera, gallery_camera = (np.where(side == -1, len(names), side) for side in sides)
    return cameras, query_camera, gallery_camera


def _of_gallery(codes: Matching, columns: torch.Tensor) -> Matching:
    return codes._replace(
        gallery_label=codes.gallery_label[columns],
        gallery_group=codes.gallery_group[columns],
        gallery_counts=codes.gallery_counts[columns],
    )


def _without_nan(matrix: Floats) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in matrix.tolist()]
