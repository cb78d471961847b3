"""Necks: what stands between a feature and its classifier."""

from typing import Literal

from torch import Tensor, nn

from resight.models.classifiers import ClassifierName, create_classifier

NeckName = Literal["bnneck", "none"]


class BNNeck(nn.Module):
    """A batch norm without trainable shift, then a classifier without bias.

    The metric loss wants compact clusters, the identity loss wants directions; the norm between lets each have its own.
    No bias on either side, so that decision planes pass through the origin.

    Args:
        dim: width D of the feature.
        num_classes: training identities C; 0 leaves the classifier out.
        classifier: its kind, see `resight.models.classifiers`.
        scale: of a classifier with a margin; None: the usual one.
        margin: likewise.

    Source: Luo et al. 2019, arXiv:1906.08332.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        *,
        classifier: ClassifierName = "linear",
        scale: float | None = None,
        margin: float | None = None,
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.norm.bias.requires_grad_(False)
        self.classifier = None
        if num_classes:
            self.classifier = create_classifier(classifier, dim, num_classes, scale=scale, margin=margin)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The normed feature (B, D) and the logits (B, C), None without classifier.

        Args:
            features: (B, D).
            labels: (B,) int, for a classifier with a margin; None: no margin.
        """
        normed = self.norm(features)
        return normed, None if self.classifier is None else self.classifier(normed, labels)


class PlainNeck(nn.Module):
    """No neck: the classifier, with a bias, sees the feature that the metric loss sees.

    Args:
        dim: see `BNNeck`.
        num_classes: see `BNNeck`.
        classifier: see `BNNeck`.
        scale: see `BNNeck`.
        margin: see `BNNeck`.

    Source: the standard baseline of Luo et al. 2019, arXiv:1906.08332.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        *,
        classifier: ClassifierName = "linear",
        scale: float | None = None,
        margin: float | None = None,
    ) -> None:
        super().__init__()
        self.classifier = None
        if num_classes:
            self.classifier = create_classifier(classifier, dim, num_classes, bias=True, scale=scale, margin=margin)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The feature as it is (B, D) and the logits (B, C); see `BNNeck`."""
        return features, None if self.classifier is None else self.classifier(features, labels)


NECKS: dict[str, type[BNNeck] | type[PlainNeck]] = {"bnneck": BNNeck, "none": PlainNeck}
"""By the names that `create_model` takes."""
