"""The first hits of chosen queries, for looking at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resight.data.manifest import Manifest
from resight.evaluation import metrics
from resight.evaluation.evaluate import Array
from resight.evaluation.nearest import Nearest, nearest
from resight.functional.rerank import Rerank

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Crop:
    """Where one row's picture is and whom it shows."""

    path: Path
    pid: str | None
    camid: str | None
    box: Box | None = None  # x, y, width, height in pixels; None for the whole image


@dataclass(frozen=True)
class Hit:
    """One place of a ranked gallery."""

    rank: int  # from 1
    distance: float
    pid: str | None
    camid: str | None
    path: Path
    match: bool  # the query's identity
    box: Box | None = None
    row: int = -1  # in the gallery manifest


@dataclass(frozen=True)
class RankList:
    """A query and its first hits, rows that do not count for it left out."""

    query: Crop
    hits: list[Hit]
    average_precision: float  # NaN where the query has no match in the gallery
    row: int = -1  # in the query manifest

    @property
    def is_right(self) -> bool:
        """The first hit is a match."""
        return bool(self.hits) and self.hits[0].match


def rank_lists(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    rows: Sequence[int],
    k: int = 10,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    rerank: Rerank | None = None,
) -> list[RankList]:
    """The first `k` hits of some queries.

    Args:
        query_embeddings: (Q, D) real, of all queries.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.
        rows: which query rows, in the order in which the lists are wanted.
        k: hits for each query; a list is shorter where fewer rows count.
        metric: as in `evaluate`.
        cross_camera: as in `evaluate`.
        rerank: as in `evaluate`; the distances are then the re-ranked ones.

    Returns:
        One list for each of `rows`.

    Raises:
        DataError: as `evaluate`, except that queries without a match are fine; if a row lies outside the queries.
    """
    sides = (query_embeddings, query, gallery_embeddings, gallery)
    found = nearest(*sides, rows=rows, k=k, metric=metric, cross_camera=cross_camera, rerank=rerank)
    precision = metrics.average_precision(found.ranks)
    return [
        RankList(crop(query, row), _hits(found, i, gallery), float(precision[i]), row) for i, row in enumerate(rows)
    ]


def choose_rows(
    precision: npt.NDArray[np.float64],
    *,
    among: Sequence[int] | npt.NDArray[np.int64] | None = None,
    num_worst: int = 6,
    num_random: int = 6,
    num_best: int = 6,
    seed: int = 0,
) -> dict[str, list[int]]:
    """Query rows worth looking at, by why: `worst`, `random`, `best`.

    The random ones are drawn from all, so they are a fair sample, and one row may be chosen for two reasons. The draw
    depends on which queries have a match and not on how precise they are: two models show the same ones.

    Args:
        precision: (Q,) average precision of each query; NaN, which is never chosen, where it has no match.
        among: rows to choose from; None: all.
        num_worst: how many of the lowest precision, the lowest first; fewer come back where there are fewer.
        num_random: how many at random, in ascending order.
        num_best: how many of the highest precision, the highest first.
        seed: of the draw.
    """
    rows = np.arange(len(precision)) if among is None else np.asarray(among, dtype=np.int64)
    rows = rows[~np.isnan(precision[rows])]
    drawn = np.random.default_rng(seed).permutation(len(rows))[:num_random]
    worst = rows[np.argsort(precision[rows], kind="stable")][:num_worst]
    best = rows[np.argsort(-precision[rows], kind="stable")][:num_best]
    return {"worst": worst.tolist(), "random": np.sort(rows[drawn]).tolist(), "best": best.tolist()}


def crop(manifest: Manifest, row: int) -> Crop:
    """The picture of one row and whom it shows."""
    return Crop(manifest.image_path(row), _text(manifest, "pid", row), _text(manifest, "camid", row), manifest.box(row))


def _hits(found: Nearest, i: int, gallery: Manifest) -> list[Hit]:
    hits = []
    for position, row in enumerate(found.gallery_row[i].tolist()):
        if row < 0:
            break
        shown = crop(gallery, row)
        distance, match = float(found.distance[i, position]), bool(found.match[i, position])
        hits.append(Hit(position + 1, distance, shown.pid, shown.camid, shown.path, match, shown.box, row))
    return hits


def _text(manifest: Manifest, column: str, row: int) -> str | None:
    if column not in manifest.table.column_names:
        return None
    value = manifest.table.column(column)[row].as_py()
    return None if value is None else str(value)
