"""From embeddings and the manifest rows that they came from to the data of all pictures."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import Crop, Report, choose_rows
from resight.evaluation.camera_pairs import CameraPairs, camera_pairs, has_camera_pairs
from resight.evaluation.embedding_map import neighbour_map, principal_components
from resight.evaluation.nearest import nearest
from resight.evaluation.precision_recall import precision_recall
from resight.evaluation.rank_lists import crop
from resight.evaluation.verification import Verification, verification
from resight.functional.rerank import Rerank
from resight.inference.attention import Attention
from resight.report.figure_data import EmbeddingMap, FigureData, Lists

_logger = logging.getLogger(__name__)

MAX_QUERIES = 4000
"""Of a test with more queries a random draw of so many is what all pictures are made from; metrics are from all."""
MAP_IDENTITIES, MAP_IMAGES = 24, 16
"""The map shows so many random identities of the queries, and at most so many random images of each."""
HITS = 10

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Attend = Callable[[Manifest], Attention | None]


def collect_figures(
    report: Report,
    query_vectors: Vectors,
    query: Manifest,
    gallery_vectors: Vectors,
    gallery: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    rerank: Rerank | None = None,
    attend: Attend | None = None,
    images: Sequence[int] | Rows | None = None,
    whole: tuple[CameraPairs | None, Verification | None] | None = None,
) -> FigureData:
    """The data of one evaluation.

    All draws depend on the number of queries and their identities alone: two runs on one test show the same ones.

    Args:
        report: of these embeddings; of its per-query precisions the first belong to `query`.
        query_vectors: (Q, D) float32.
        query: Q rows.
        gallery_vectors: (G, D) float32.
        gallery: G rows.
        metric: as in `evaluate`.
        cross_camera: as in `evaluate`.
        rerank: as in `evaluate`; lists and precision are then the re-ranked ones, camera pairs and distances are not.
        attend: gives the attention maps of some rows, or None; called with a few query rows. None: no maps.
        images: number of the image behind each of the report's queries, where the report is of several draws and asks
            the same image again, or queries are the mean of the same images; None: every query is on its own.
        whole: camera pairs and verification of all queries, where they are known: taken if all queries are shown.
    """
    drawn = np.arange(len(query))
    if len(query) > MAX_QUERIES:
        drawn = np.sort(np.random.default_rng(0).permutation(len(query))[:MAX_QUERIES])
    sides = (query_vectors[drawn], query.select(drawn), gallery_vectors, gallery)
    protocol: dict[str, Any] = {"metric": metric, "cross_camera": cross_camera}
    every = (query_vectors, query, gallery_vectors, gallery)  # re-ranking needs all queries
    found = nearest(*every, rows=drawn.tolist(), k=HITS, **protocol, rerank=rerank)
    pictures = _Crops(query, gallery)
    lists = Lists(
        row=drawn,
        query=pictures.of(query, drawn),
        hit=pictures.of(gallery, found.gallery_row),
        distance=found.distance,
        match=found.match,
    )
    pairs = whole if whole is not None and len(drawn) == len(query) else _pairs(sides, protocol)
    precision = report.average_precision[: len(query)]
    attention, looked_at = _attention(precision, drawn, query, attend)
    return FigureData(
        test=test_digest(query, gallery, cross_camera=cross_camera),
        distance=_distance_in_words(metric, rerank),
        num_query=len(query),
        num_drawn=len(drawn),
        lists=lists,
        precision_recall=precision_recall(found.ranks),
        camera_pairs=pairs[0],
        verification=pairs[1],
        embedding_map=_embedding_map(query_vectors, query, gallery_vectors, gallery, pictures),
        attention_crop=pictures.of(query, looked_at).tolist() if attention is not None else [],
        attention=attention,
        images=None if images is None else np.asarray(images).tolist(),
        crops=pictures.made,  # last: what is above adds to it
    )


def _distance_in_words(metric: str, rerank: Rerank | None) -> str:
    words = metric.replace("_", " ")
    if rerank is None:
        return words
    return f"{words}, re-ranked with k1 {rerank.k1}, k2 {rerank.k2}, weight {rerank.weight:g}"


def test_digest(query: Manifest, gallery: Manifest, *, cross_camera: bool) -> str:
    """Of the rows in their order, and of which of them count; where the images lie does not matter."""
    digest = hashlib.sha256(str(cross_camera).encode())
    for side in (query, gallery):
        for name in ("image", "pid", "camid", "junk"):
            digest.update("\n".join(map(str, side.column(name))).encode() + b"\0")
    return digest.hexdigest()


class _Crops:
    """The crops that some picture shows, each once, in the order in which they were asked for."""

    def __init__(self, *manifests: Manifest) -> None:
        self.made: list[Crop] = []
        self._numbers: dict[int, dict[int, int]] = {id(manifest): {} for manifest in manifests}

    def of(self, manifest: Manifest, rows: Any) -> Rows:
        """Their numbers, in the shape of `rows`; -1 stays -1."""
        flat = np.asarray(rows, dtype=np.int64)
        numbers = [self._number(manifest, row) for row in flat.reshape(-1).tolist()]
        return np.array(numbers, dtype=np.int64).reshape(flat.shape)

    def _number(self, manifest: Manifest, row: int) -> int:
        numbers = self._numbers[id(manifest)]
        if row >= 0 and row not in numbers:
            numbers[row] = len(self.made)
            self.made.append(crop(manifest, row))
        return numbers[row] if row >= 0 else -1


def _attention(
    precision: npt.NDArray[np.float64], drawn: Rows, query: Manifest, attend: Attend | None
) -> tuple[Attention | None, list[int]]:
    """Maps of three of the worst, three random and two of the best queries."""
    if attend is None:
        return None, []
    chosen = choose_rows(precision, among=drawn, num_worst=3, num_random=3, num_best=2)
    rows = list(dict.fromkeys(row for part in chosen.values() for row in part))
    return (attend(query.select(rows)), rows) if rows else (None, [])


def _pairs(sides: Any, protocol: dict[str, Any]) -> tuple[CameraPairs | None, Verification | None]:
    """None where the rows have one camera, or far too many; and where all pairs are of one identity."""
    by_camera = camera_pairs(*sides, **protocol) if has_camera_pairs(sides[1], sides[3]) else None
    try:
        return by_camera, verification(*sides, **protocol)
    except DataError as error:
        _logger.info("no histogram of distances: %s", error)
        return by_camera, None


def _embedding_map(
    query_vectors: Vectors, query: Manifest, gallery_vectors: Vectors, gallery: Manifest, pictures: _Crops
) -> EmbeddingMap | None:
    """Images of a few identities, of both sides."""
    generator = np.random.default_rng(0)
    known = _identities(query)
    identities = sorted(set(known[known != ""].tolist()))
    chosen = [identities[i] for i in np.sort(generator.permutation(len(identities))[:MAP_IDENTITIES])]
    other = _identities(gallery)
    rows: list[tuple[bool, int]] = []
    for pid in chosen:
        images = [(True, int(row)) for row in np.flatnonzero(known == pid)]
        images += [(False, int(row)) for row in np.flatnonzero(other == pid)]
        rows += [images[i] for i in np.sort(generator.permutation(len(images))[:MAP_IMAGES])]
    if len(rows) < 3:
        return None
    vectors = np.stack([(query_vectors if is_query else gallery_vectors)[row] for is_query, row in rows])
    flat, neighbours = principal_components(vectors), neighbour_map(vectors)
    points = {"PCA": flat.points, **({} if neighbours is None else {"UMAP": neighbours.points})}
    return EmbeddingMap(
        crop=np.array([int(pictures.of(query if is_query else gallery, row)) for is_query, row in rows]),
        is_query=np.array([is_query for is_query, _ in rows]),
        points=points,
        explained=flat.explained or (0.0, 0.0),
    )


def _identities(manifest: Manifest) -> npt.NDArray[np.str_]:
    """(N,) text; empty for unknown ones and for junk."""
    values: Iterable[Any] = manifest.column("pid")
    names = np.array(["" if value is None else str(value) for value in values], dtype=np.str_)
    names[manifest.column("junk")] = ""
    return names
