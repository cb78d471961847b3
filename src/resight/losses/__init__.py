"""Losses: plain functions, and their sum over the branches of a model."""

from resight.losses.branches import LossTerms, ReIDLoss
from resight.losses.center import CenterLoss, center_loss
from resight.losses.contrastive import contrastive_loss
from resight.losses.identity import identity_loss
from resight.losses.supervised_contrastive import supervised_contrastive_loss
from resight.losses.triplet import batch_hard_triplet, hardest_distances

__all__ = [
    "CenterLoss",
    "LossTerms",
    "ReIDLoss",
    "batch_hard_triplet",
    "center_loss",
    "contrastive_loss",
    "hardest_distances",
    "identity_loss",
    "supervised_contrastive_loss",
]
