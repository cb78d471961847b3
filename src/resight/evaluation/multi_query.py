"""Queries of several images: the mean of all that is known of the same identity at the same camera."""

import torch
from torch import Tensor

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.protocol import matching
from resight.functional.distance_blocks import squared_lengths


def multi_query(query_embeddings: Array, query: Manifest, gallery_embeddings: Array, gallery: Manifest) -> Tensor:
    """Each query's embedding, averaged with those of all queries and gallery rows of its identity at its camera.

    These gallery rows are left out of the query's ranking across cameras, so no answer is given away: evaluate the
    result with `cross_camera=True`. Market-1501 has such images in a folder of their own (`gt_bbox`); a data set that
    has not gives its gallery's. Queries of unknown identity or camera, and junk, stay as they are.

    The mean is brought to the mean length of what it is made of. Against a gallery of unit vectors it ranks as the
    plain mean does, and distances stay comparable with those of single images.

    Args:
        query_embeddings: (Q, D) real.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.

    Returns:
        (Q, D) float32, or float64 where an input is; on the device of the query embeddings.

    Raises:
        DataError: as `evaluate`; if no query has a camera.

    Source: the multiple-query setting of Market-1501, Zheng et al. 2015, average pooling. Written from its description.
    """
    codes = matching(query, gallery, cross_camera=True)
    queries, candidates = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    if (codes.query_group < 0).all():
        raise DataError(
            "multi-query: expected queries with a camera, came none; images are averaged by identity and camera"
        )
    dtype = torch.float64 if torch.float64 in (queries.dtype, candidates.dtype) else torch.float32
    groups, place = torch.unique(codes.query_group, return_inverse=True)
    place = place.to(queries.device)
    sums = torch.zeros(len(groups), queries.shape[1], dtype=dtype, device=queries.device)
    lengths, counts = (torch.zeros(len(groups), dtype=dtype, device=queries.device) for _ in range(2))
    gallery_group = torch.where(codes.gallery_counts, codes.gallery_group, -1)
    for vectors, group in ((queries, codes.query_group), (candidates, gallery_group)):
        rows = (torch.isin(group, groups) & (group >= 0)).nonzero()[:, 0]
        where, own = torch.searchsorted(groups, group[rows]).to(queries.device), vectors[rows.to(queries.device)]
        sums.index_add_(0, where, own.to(dtype))
        lengths.index_add_(0, where, squared_lengths(own, dtype).sqrt())
        counts.index_add_(0, where, torch.ones_like(where, dtype=dtype))
    means = torch.nn.functional.normalize(sums, dim=1) * (lengths / counts.clamp(min=1))[:, None]
    return torch.where((codes.query_group >= 0).to(queries.device)[:, None], means[place], queries.to(dtype))
