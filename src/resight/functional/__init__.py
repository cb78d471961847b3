"""Tensor functions without classes or files: distances and ranking."""

from resight.functional.distance import (
    angular_distance,
    cosine_distance,
    euclidean_distance,
    half_cosine_distance,
    squared_euclidean_distance,
)
from resight.functional.ranking import Matching, MatchRanks, rank_matches, rank_matches_in_matrix

__all__ = [
    "MatchRanks",
    "Matching",
    "angular_distance",
    "cosine_distance",
    "euclidean_distance",
    "half_cosine_distance",
    "rank_matches",
    "rank_matches_in_matrix",
    "squared_euclidean_distance",
]
