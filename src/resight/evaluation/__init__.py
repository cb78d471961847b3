"""Embeddings with the manifest rows that they came from -> `Report`: mAP, CMC, mINP, rank lists, what explains them."""

from resight.evaluation.bootstrap import Interval, bootstrap_difference, bootstrap_interval
from resight.evaluation.calibration import calibrate, check_calibration
from resight.evaluation.camera_pairs import CameraPair, CameraPairs, camera_pairs
from resight.evaluation.draws import evaluate_draws
from resight.evaluation.evaluate import evaluate, evaluate_distance
from resight.evaluation.groups import Group, Groups, groups
from resight.evaluation.multi_query import multi_query
from resight.evaluation.open_set import Alarms, OpenSet, open_set
from resight.evaluation.rank_lists import Crop, Hit, RankList, choose_rows, rank_lists
from resight.evaluation.result import Report, average_reports
from resight.evaluation.verification import Verification, verification

__all__ = [
    "Alarms",
    "CameraPair",
    "CameraPairs",
    "Crop",
    "Group",
    "Groups",
    "Hit",
    "Interval",
    "OpenSet",
    "RankList",
    "Report",
    "Verification",
    "average_reports",
    "bootstrap_difference",
    "bootstrap_interval",
    "calibrate",
    "camera_pairs",
    "check_calibration",
    "choose_rows",
    "evaluate",
    "evaluate_distance",
    "evaluate_draws",
    "groups",
    "multi_query",
    "open_set",
    "rank_lists",
    "verification",
]
