"""BNNeck: batch norm between the feature that the metric loss sees and the classifier."""

from torch import Tensor, nn


class BNNeck(nn.Module):
    """A batch norm without trainable shift, then a classifier without bias.

    The metric loss wants compact clusters, the identity loss wants directions; the norm between lets each have its own.
    No bias on either side, so that decision planes pass through the origin.

    Args:
        dim: width D of the feature.
        num_classes: training identities C; 0 leaves the classifier out.

    Source: Luo et al. 2019, arXiv:1906.08332.
    """

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.norm.bias.requires_grad_(False)
        self.classifier = nn.Linear(dim, num_classes, bias=False) if num_classes else None
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """The normed feature (B, D) and the logits (B, C), None without classifier."""
        normed = self.norm(features)
        return normed, None if self.classifier is None else self.classifier(normed)
