"""The loss of the whole model: identity and triplet, over all branches."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from resight.losses.identity import identity_loss
from resight.losses.triplet import batch_hard_triplet

BranchWeighting = Literal["code", "paper"]


class LossTerms(NamedTuple):
    """The total, which is differentiated, and its parts, which are logged. All scalars."""

    total: Tensor
    identity: Tensor
    triplet: Tensor


class ReIDLoss:
    """identity_weight * L_ID + triplet_weight * L_triplet, each combined over the branches.

    Combination of the global value g and the local values l_1 .. l_P:

    - `code`: g / 2 + mean(l) / 2, the released code;
    - `paper`: g + mean(l), twice that.

    Without local branches both are g.

    Args:
        identity_weight: weight of the identity loss.
        triplet_weight: weight of the triplet loss.
        label_smoothing: see `identity_loss`.
        margin: see `batch_hard_triplet`; None is the soft form.
        branch_weighting: `code` or `paper`.
        normalize_triplet: see `batch_hard_triplet`.
    """

    def __init__(
        self,
        *,
        identity_weight: float = 1.0,
        triplet_weight: float = 1.0,
        label_smoothing: float = 0.0,
        margin: float | None = None,
        branch_weighting: BranchWeighting = "code",
        normalize_triplet: bool = False,
    ) -> None:
        if branch_weighting not in ("code", "paper"):
            raise ValueError(f"branch_weighting must be 'code' or 'paper', not {branch_weighting!r}")
        self.identity_weight = identity_weight
        self.triplet_weight = triplet_weight
        self.label_smoothing = label_smoothing
        self.margin = margin
        self.branch_weighting = branch_weighting
        self.normalize_triplet = normalize_triplet

    def __call__(self, features: Tensor, logits: Tensor, labels: Tensor) -> LossTerms:
        """The loss of a batch.

        Args:
            features: (B, branches, D), before the necks; branch 0 is the global one.
            logits: (B, branches, C).
            labels: (B,) int, 0..C-1.
        """
        identity = self._combine(
            lambda i: identity_loss(logits[:, i], labels, label_smoothing=self.label_smoothing), logits
        )
        triplet = self._combine(
            lambda i: batch_hard_triplet(features[:, i], labels, margin=self.margin, normalize=self.normalize_triplet),
            features,
        )
        return LossTerms(self.identity_weight * identity + self.triplet_weight * triplet, identity, triplet)

    def _combine(self, loss_of_branch: Callable[[int], Tensor], branches: Tensor) -> Tensor:
        values = [loss_of_branch(i) for i in range(branches.shape[1])]
        if len(values) == 1:
            return values[0]
        both = values[0] + torch.stack(values[1:]).mean()
        return both / 2 if self.branch_weighting == "code" else both
