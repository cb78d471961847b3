"""Tensor functions without classes or files: distances and ranking."""

from resight.functional.distance import (
    angular_distance,
    cosine_distance,
    euclidean_distance,
    half_cosine_distance,
    squared_euclidean_distance,
)
from resight.functional.ranking import Matching, MatchRanks, rank_matches, rank_matches_in_matrix
from resight.functional.rerank import RERANK_PRESETS, Rerank, jaccard_distance, rerank_blocks, rerank_matrix
from resight.functional.sparse_rows import SparseRows

__all__ = [
    "RERANK_PRESETS",
    "MatchRanks",
    "Matching",
    "Rerank",
    "SparseRows",
    "angular_distance",
    "cosine_distance",
    "euclidean_distance",
    "half_cosine_distance",
    "jaccard_distance",
    "rank_matches",
    "rank_matches_in_matrix",
    "rerank_blocks",
    "rerank_matrix",
    "squared_euclidean_distance",
]
