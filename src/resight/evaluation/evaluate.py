"""Embeddings and the manifest rows that they came from -> `Report`."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import metrics
from resight.evaluation.distances import ranked_distances
from resight.evaluation.protocol import matching
from resight.evaluation.result import Report
from resight.functional.distance import DISTANCES
from resight.functional.distance_blocks import MEMORY, query_slices, squared_lengths
from resight.functional.matching import MatchRanks
from resight.functional.rank_counter import RankCounter
from resight.functional.ranking import rank_matches_in_matrix
from resight.functional.rerank import Rerank

Array: TypeAlias = npt.NDArray[np.floating] | Tensor


def evaluate(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    max_rank: int = 50,
    rerank: Rerank | None = None,
    memory: int = MEMORY,
) -> Report:
    """How well the embeddings find the queries' identities in the gallery: mAP, CMC, mINP.

    Args:
        query_embeddings: (Q, D) real, row i belongs to row i of `query`. The calculation runs on its device.
        query: the query rows; each needs an identity.
        gallery_embeddings: (G, D) real, row i belongs to row i of `gallery`. Compared as given, not normalised here.
        gallery: the gallery rows; those without identity are distractors.
        metric: "squared_euclidean" (official), "euclidean" or "cosine". For unit vectors all three rank alike.
        cross_camera: leave out gallery rows of the query's identity and camera, see `resight.evaluation.protocol`.
        max_rank: how many ranks of the CMC are kept.
        rerank: settings of k-reciprocal re-ranking, such as `Rerank(k1=20, k2=6, weight=0.3)`; None: no re-ranking.
            All rows take part as neighbours, also those left out of a query's ranking. Say so beside such numbers.
        memory: bytes for distances beyond the embeddings. It bounds how many queries are looked at together and does
            not change the result; one query's distances, 4 bytes for each gallery row, are held in any case.

    Returns:
        The report. Equal distances rank by gallery row. Queries without a match are skipped and counted.

    Raises:
        DataError: if shapes do not fit, a value is NaN or infinite, a side is empty, or no query has a match.
    """
    if metric not in DISTANCES:
        raise DataError(f"evaluation: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    codes = matching(query, gallery, cross_camera=cross_camera)
    query_vectors, gallery_vectors = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    counter = RankCounter(codes)
    for rows, block in ranked_distances(query_vectors, gallery_vectors, metric=metric, rerank=rerank, memory=memory):
        counter.add(rows, block)
    return _report(counter.result(), gallery, max_rank=max_rank, cross_camera=cross_camera)


def evaluate_distance(
    distances: Array,
    query: Manifest,
    gallery: Manifest,
    *,
    cross_camera: bool = True,
    max_rank: int = 50,
    memory: int = MEMORY,
) -> Report:
    """The same for distances that are given, such as re-ranked ones.

    Args:
        distances: (Q, G) real without NaN; smaller is closer.
        query: Q rows.
        gallery: G rows.
        cross_camera: as in `evaluate`.
        max_rank: as in `evaluate`.
        memory: bytes of the matrix to look at a time.

    Raises:
        DataError: if the shape does not fit, a distance is NaN, a side is empty, or no query has a match.
    """
    codes = matching(query, gallery, cross_camera=cross_camera)
    matrix = torch.as_tensor(distances)
    if tuple(matrix.shape) != (len(query), len(gallery)):
        raise DataError(
            f"evaluation: expected distances of shape (queries, gallery) = ({len(query)}, {len(gallery)}), "
            f"came {tuple(matrix.shape)}"
        )
    for rows in query_slices(len(query), matrix.shape[1] * matrix.element_size(), memory):
        bad = torch.isnan(matrix[rows]).any(1).nonzero()
        if len(bad):
            row = rows.start + int(bad[0])
            raise DataError(f"evaluation: the distances of query row {row} ({query.image_path(row)}) hold NaN")
    return _report(
        rank_matches_in_matrix(matrix, codes, memory=memory), gallery, max_rank=max_rank, cross_camera=cross_camera
    )


def checked_embeddings(
    query_embeddings: Array, query: Manifest, gallery_embeddings: Array, gallery: Manifest
) -> tuple[Tensor, Tensor]:
    """Both sides as tensors on the query's device.

    Raises:
        DataError: if shapes do not fit the manifests or each other, or a value is NaN or infinite; it names the image.
    """
    query_vectors = _checked("query", torch.as_tensor(query_embeddings).detach(), query)
    gallery_vectors = _checked("gallery", torch.as_tensor(gallery_embeddings).detach(), gallery)
    if query_vectors.shape[1] != gallery_vectors.shape[1]:
        raise DataError(
            f"evaluation: query embeddings have {query_vectors.shape[1]} dimensions, gallery embeddings "
            f"{gallery_vectors.shape[1]}; both have to come from the same model"
        )
    return query_vectors, gallery_vectors.to(query_vectors.device)


def _checked(name: str, vectors: Tensor, manifest: Manifest) -> Tensor:
    if vectors.ndim != 2 or len(vectors) != len(manifest) or vectors.shape[1] == 0:
        raise DataError(
            f"evaluation: expected {name} embeddings of shape ({len(manifest)}, D), a row for each manifest row, "
            f"came {tuple(vectors.shape)}"
        )
    if vectors.is_complex():
        raise DataError(f"evaluation: expected real {name} embeddings, came {vectors.dtype}")
    squares = squared_lengths(vectors)
    if not torch.isfinite(squares).all():
        raise DataError(_why_not_finite(name, vectors, squares, manifest))
    return vectors


def _why_not_finite(name: str, vectors: Tensor, squares: Tensor, manifest: Manifest) -> str:
    suspects = (~torch.isfinite(squares)).nonzero()[:, 0]
    bad = suspects[~torch.isfinite(vectors[suspects]).all(1)]
    if len(bad):
        row = int(bad[0])
        return (
            f"evaluation: {len(bad):,} of {len(vectors):,} {name} embeddings hold NaN or infinity, the first is row "
            f"{row} ({manifest.image_path(row)}); look for diverged training or half-precision overflow in the model"
        )
    row = int(suspects[0])
    return (
        f"evaluation: the {name} embedding of row {row} ({manifest.image_path(row)}) is so long that its squared "
        f"length is no {squares.dtype} any more; bring embeddings to length 1, or pass float64"
    )


def _report(found: MatchRanks, gallery: Manifest, *, max_rank: int, cross_camera: bool) -> Report:
    if max_rank < 1:
        raise DataError(f"evaluation: expected max_rank to be 1 or more, came {max_rank}")
    num_query, num_valid = len(found.num_matches), int((found.num_matches > 0).sum())
    if num_valid == 0:
        advice = "; where cameras are unknown or there is only one, pass cross_camera=False" if cross_camera else ""
        raise DataError(
            f"evaluation: none of the {num_query:,} queries has a match among the gallery rows that count; expected "
            f"the gallery to hold other images of the queries' identities{advice}"
        )
    precision = metrics.average_precision(found)
    return Report(
        mean_ap=float(np.nanmean(precision)),
        cmc=metrics.cumulative_matches(found, max_rank),
        mean_inp=float(np.nanmean(metrics.inverse_negative_penalty(found))),
        num_query=num_query,
        num_gallery=int((~gallery.column("junk")).sum()),
        num_valid=num_valid,
        num_skipped=num_query - num_valid,
        average_precision=precision,
        first_rank=metrics.first_rank(found),
        chance_mean_ap=float(np.nanmean(metrics.chance_average_precision(found))),
    )
