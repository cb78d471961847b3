"""Classifiers: from a feature to one logit per training identity. Used in training alone."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from resight.functional.margin import arcface_logits, circle_logits, class_cosines, cosface_logits

ClassifierName = Literal["linear", "arcface", "cosface", "amsoftmax", "circle"]


class _MarginRule(NamedTuple):
    """A margin function and its usual settings."""

    logits: Callable[..., Tensor]
    scale: float
    margin: float


MARGIN_RULES: dict[str, _MarginRule] = {
    "arcface": _MarginRule(arcface_logits, 30.0, 0.5),
    "cosface": _MarginRule(cosface_logits, 30.0, 0.5),
    "amsoftmax": _MarginRule(cosface_logits, 30.0, 0.5),
    "circle": _MarginRule(circle_logits, 256.0, 0.25),
}
"""Scale and margin: those of the released TransReID configuration, and for circle those of its paper."""


class LinearClassifier(nn.Linear):
    """One linear layer; it gives the same logits with labels and without.

    Args:
        dim: width D of the feature.
        num_classes: training identities C.
        bias: without one (after a BNNeck, so that decision planes pass through the origin) the weights begin near 0
            (standard deviation 0.001); with one (strong baseline without neck) they begin as torch's do.

    Source: Luo et al. 2019, arXiv:1906.08332.
    """

    def __init__(self, dim: int, num_classes: int, *, bias: bool = False) -> None:
        super().__init__(dim, num_classes, bias=bias)
        if not bias:
            nn.init.normal_(self.weight, std=0.001)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, C), from features (B, D)."""
        return super().forward(features)


class MarginClassifier(nn.Module):
    """Scaled cosines to class weights; where labels are given, the own class is made harder by a margin.

    Args:
        dim: width D of the feature.
        num_classes: training identities C.
        name: `arcface`, `cosface`, `amsoftmax` (the same as cosface) or `circle`; see `resight.functional.margin`.
        scale: of the logits; None: the usual one, `MARGIN_RULES`.
        margin: of the own class; None: the usual one.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        name: ClassifierName,
        *,
        scale: float | None = None,
        margin: float | None = None,
    ) -> None:
        super().__init__()
        self._rule = MARGIN_RULES[name]
        self.scale = self._rule.scale if scale is None else scale
        self.margin = self._rule.margin if margin is None else margin
        self.weight = nn.Parameter(torch.empty(num_classes, dim))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, C) float32, from features (B, D) and labels (B,) in 0..C-1; without labels there is no margin."""
        cosine = class_cosines(features, self.weight)
        if labels is None:
            return self.scale * cosine
        return self._rule.logits(cosine, labels, scale=self.scale, margin=self.margin)


def create_classifier(
    name: ClassifierName,
    dim: int,
    num_classes: int,
    *,
    bias: bool = False,
    scale: float | None = None,
    margin: float | None = None,
) -> LinearClassifier | MarginClassifier:
    """The classifier of that name.

    Args:
        name: `linear`, or one with a margin.
        dim: width D of the feature.
        num_classes: training identities C.
        bias: of the linear one; the others have none.
        scale: see `MarginClassifier`.
        margin: see `MarginClassifier`.

    Raises:
        ValueError: for another name, or scale or margin for the linear one.
    """
    if name == "linear":
        if scale is not None or margin is not None:
            raise ValueError(
                "a linear classifier has neither scale nor margin; leave classifier_scale and classifier_margin out, "
                f"or choose one of {', '.join(MARGIN_RULES)}"
            )
        return LinearClassifier(dim, num_classes, bias=bias)
    if name not in MARGIN_RULES:
        raise ValueError(f"there is no classifier named {name!r}; choose linear, {', '.join(MARGIN_RULES)}")
    return MarginClassifier(dim, num_classes, name, scale=scale, margin=margin)
