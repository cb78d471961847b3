"""Embeddings with the manifest rows that they came from -> `Report`: mAP, CMC, mINP, rank lists."""

from resight.evaluation.draws import evaluate_draws
from resight.evaluation.evaluate import evaluate, evaluate_distance
from resight.evaluation.rank_lists import Crop, Hit, RankList, choose_rows, rank_lists
from resight.evaluation.result import Report, average_reports

__all__ = [
    "Crop",
    "Hit",
    "RankList",
    "Report",
    "average_reports",
    "choose_rows",
    "evaluate",
    "evaluate_distance",
    "evaluate_draws",
    "rank_lists",
]
