"""Evaluation as the released re-identification code does it: the whole distance matrix, sorted; a loop over queries.

Written from the description of TransReID's evaluation, step by step, to measure against.
"""

import numpy as np
import numpy.typing as npt
import torch
from clustered import Clustered


def distance_matrix(query: torch.Tensor, gallery: torch.Tensor) -> npt.NDArray[np.float32]:
    """(Q, G) squared Euclidean distances, all at once."""
    size = (len(query), len(gallery))
    rows = query.pow(2).sum(1, keepdim=True).expand(size)
    columns = gallery.pow(2).sum(1, keepdim=True).expand(size[::-1]).t()
    squares = rows + columns
    squares.addmm_(query, gallery.t(), beta=1, alpha=-2)
    return squares.numpy()


def evaluate(data: Clustered, *, max_rank: int = 50, kind: str | None = None) -> tuple[float, npt.NDArray[np.float64]]:
    """mAP and CMC. kind: of the sort; the released code leaves it to numpy, whose choice is not stable."""
    distances = distance_matrix(data.query, data.gallery)
    order = np.argsort(distances, axis=1, kind=kind)
    matches = (data.gallery_pid[order] == data.query_pid[:, None]).astype(np.int32)
    curves, precisions = [], []
    for q in range(len(distances)):
        same_pid = data.gallery_pid[order[q]] == data.query_pid[q]
        same_camera = data.gallery_camera[order[q]] == data.query_camera[q]
        flags = matches[q][~(same_pid & same_camera)]
        if not flags.any():
            continue
        found = flags.cumsum()
        curves.append(np.minimum(found, 1)[:max_rank])
        precisions.append((found / np.arange(1, len(flags) + 1) * flags).sum() / flags.sum())
    return float(np.mean(precisions)), np.asarray(curves, dtype=np.float32).mean(0)
