"""Embeddings as points of a plane, to see which images lie together."""

import importlib
import importlib.util
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from resight.errors import DataError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Projection:
    """points: (N, 2). explained: share of the variance that each axis holds; None where axes mean nothing (UMAP)."""

    points: Floats
    explained: tuple[float, float] | None


def principal_components(embeddings: npt.NDArray[np.floating]) -> Projection:
    """The plane in which the points differ most.

    Args:
        embeddings: (N, D), N >= 1, finite.

    Returns:
        Centred points; the sign of an axis is such that its largest loading is positive, so that the same embeddings
        give the same picture everywhere. An axis without variance is 0.

    Raises:
        DataError: if there is no row or another shape.
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if vectors.ndim != 2 or not vectors.size:
        raise DataError(f"a map of embeddings needs a row and a column at least, came shape {vectors.shape}")
    centred = vectors - vectors.mean(0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(1)])[:, None]
    points = np.zeros((len(vectors), 2))
    points[:, : len(axes)] = centred @ axes.T
    variance = lengths**2
    shares = [float(value) for value in variance[:2] / max(variance.sum(), 1e-300)] + [0.0, 0.0]
    return Projection(points, (shares[0], shares[1]))


def neighbour_map(embeddings: npt.NDArray[np.floating], *, seed: int = 0) -> Projection | None:
    """UMAP of the embeddings, where the package `umap` is installed and there are 16 rows or more; else None.

    Args:
        embeddings: (N, D), finite.
        seed: of its random start.
    """
    if len(embeddings) < 16 or importlib.util.find_spec("umap") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a seed makes it run in one thread
        reducer = importlib.import_module("umap").UMAP(n_components=2, metric="cosine", random_state=seed)
        return Projection(np.asarray(reducer.fit_transform(np.asarray(embeddings)), dtype=np.float64), None)
