"""The loss of the whole model: identity, triplet and contrastive, over all branches."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from resight.losses.identity import identity_loss
from resight.losses.supervised_contrastive import supervised_contrastive_loss
from resight.losses.triplet import batch_hard_triplet

BranchWeighting = Literal["code", "paper"]


class LossTerms(NamedTuple):
    """A differentiable total, and the unweighted parts of it by name. All scalars."""

    total: Tensor
    parts: dict[str, Tensor]


class ReIDLoss:
    """Weighted sum of identity, triplet and contrastive loss, each combined over the branches.

    Combination of the global value g and the local values l_1 .. l_P:

    - `code`: g / 2 + mean(l) / 2, the released code;
    - `paper`: g + mean(l), twice that.

    Without local branches both are g. A loss of weight 0 is not computed.

    Args:
        identity_weight: weight of the identity loss.
        triplet_weight: weight of the triplet loss.
        contrastive_weight: weight of the supervised contrastive loss; TransReID has none.
        label_smoothing: see `identity_loss`.
        margin: see `batch_hard_triplet`; None is the soft form.
        normalize_triplet: see `batch_hard_triplet`.
        temperature: see `supervised_contrastive_loss`.
        branch_weighting: `code` or `paper`.
    """

    def __init__(
        self,
        *,
        identity_weight: float = 1.0,
        triplet_weight: float = 1.0,
        contrastive_weight: float = 0.0,
        label_smoothing: float = 0.0,
        margin: float | None = None,
        normalize_triplet: bool = False,
        temperature: float = 0.1,
        branch_weighting: BranchWeighting = "code",
    ) -> None:
        if branch_weighting not in ("code", "paper"):
            raise ValueError(f"branch_weighting must be 'code' or 'paper', not {branch_weighting!r}")
        self.weights = {"identity": identity_weight, "triplet": triplet_weight, "contrastive": contrastive_weight}
        if not any(self.weights.values()):
            raise ValueError("all weights of the loss are 0; give identity, triplet or contrastive loss a weight")
        self.label_smoothing = label_smoothing
        self.margin = margin
        self.normalize_triplet = normalize_triplet
        self.temperature = temperature
        self.branch_weighting = branch_weighting

    def __call__(
        self, features: Tensor, logits: Tensor, labels: Tensor, *, metric_labels: Tensor | None = None
    ) -> LossTerms:
        """The loss of a batch.

        Args:
            features: (M, branches, D), before the necks; branch 0 is the global one. M is B, or more where the metric
                losses (triplet, contrastive) see other rows than the identity loss, such as those of all processes.
            logits: (B, branches, C).
            labels: (B,) int, 0..C-1.
            metric_labels: (M,) int; None: `labels`.
        """
        mates = labels if metric_labels is None else metric_labels
        losses: dict[str, Callable[[int], Tensor]] = {
            "identity": lambda i: identity_loss(logits[:, i], labels, label_smoothing=self.label_smoothing),
            "triplet": lambda i: batch_hard_triplet(
                features[:, i], mates, margin=self.margin, normalize=self.normalize_triplet
            ),
            "contrastive": lambda i: supervised_contrastive_loss(features[:, i], mates, temperature=self.temperature),
        }
        branches = features.shape[1]
        parts = {name: self._combine(losses[name], branches) for name, weight in self.weights.items() if weight}
        total = torch.stack([self.weights[name] * value for name, value in parts.items()]).sum()
        return LossTerms(total, parts)

    def _combine(self, loss_of_branch: Callable[[int], Tensor], branches: int) -> Tensor:
        values = [loss_of_branch(i) for i in range(branches)]
        if branches == 1:
            return values[0]
        both = values[0] + torch.stack(values[1:]).mean()
        return both / 2 if self.branch_weighting == "code" else both
