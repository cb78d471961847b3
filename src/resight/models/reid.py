"""The whole model: an encoder, a neck for each branch, and the embedding that is stored and compared."""

from typing import Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resight.models.classifiers import ClassifierName
from resight.models.neck import NECKS, NeckName

NeckFeature = Literal["before", "after"]


class ReIDOutput(NamedTuple):
    """What a model gives, in training and in evaluation alike.

    embedding: (B, branches * D), float32, unit length. Stored and compared.
    features: (B, branches, D), before the necks. For the metric loss.
    neck_features: (B, branches, D), after the necks.
    logits: (B, branches, C), or None without classifier. For the identity loss; with a margin where labels were given.
    """

    embedding: Tensor
    features: Tensor
    neck_features: Tensor
    logits: Tensor | None


class Encoder(Protocol):
    """Anything that turns images, cameras and views into features (B, branches, D)."""

    dim: int

    @property
    def num_branches(self) -> int: ...

    def __call__(self, images: Tensor, camera: Tensor | None = None, view: Tensor | None = None) -> Tensor: ...


def join_branches(features: Tensor) -> Tensor:
    """One vector of all branches: the global feature, then the P local ones, each divided by P.

    Args:
        features: (B, 1 + P, D).

    Returns:
        (B, (1 + P) * D), not normalised.

    Source: released code of He et al. 2021 (P = 4); the paper joins them undivided.
    """
    num_parts = features.shape[1] - 1
    if num_parts == 0:
        return features.flatten(1)
    return torch.cat([features[:, :1], features[:, 1:] / num_parts], dim=1).flatten(1)


class ReIDModel(nn.Module):
    """Encoder, then a neck and a classifier for each branch.

    Args:
        encoder: a module that is an `Encoder`.
        num_classes: training identities; 0 leaves the classifiers out.
        neck_feature: which feature becomes the embedding: `before` the neck (every released TransReID configuration)
            or `after` it (strong baseline).
        neck: `bnneck`, or `none`: the classifier sees the feature itself.
        classifier: kind of the classifiers; see `resight.models.classifiers`.
        classifier_scale: of classifiers with a margin; None: the usual one.
        classifier_margin: likewise.

    Raises:
        ValueError: for an unknown neck_feature, neck or classifier, or a linear classifier with scale or margin.
    """

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        *,
        neck_feature: NeckFeature = "before",
        neck: NeckName = "bnneck",
        classifier: ClassifierName = "linear",
        classifier_scale: float | None = None,
        classifier_margin: float | None = None,
    ) -> None:
        super().__init__()
        if neck_feature not in ("before", "after"):
            raise ValueError(f"neck_feature must be 'before' or 'after', not {neck_feature!r}")
        if neck not in NECKS:
            raise ValueError(f"neck must be 'bnneck' or 'none', not {neck!r}")
        self.encoder = encoder
        self.necks = nn.ModuleList(
            NECKS[neck](
                encoder.dim, num_classes, classifier=classifier, scale=classifier_scale, margin=classifier_margin
            )
            for _ in range(encoder.num_branches)
        )
        self.neck_feature = neck_feature
        self.num_classes = num_classes
        self.embedding_dim = encoder.num_branches * encoder.dim

    def forward(
        self,
        images: Tensor,
        camera: Tensor | None = None,
        view: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> ReIDOutput:
        """See `ReIDOutput`.

        Args:
            images: (B, 3, H, W), normalised.
            camera: (B,) int, 0-based, -1 for unknown; None: all unknown.
            view: (B,) int, likewise.
            labels: (B,) int, 0..C-1, in training: what classifiers with a margin need. None: logits without margin.
        """
        return self.head(self.encoder(images, camera, view), labels)

    def head(self, features: Tensor, labels: Tensor | None = None) -> ReIDOutput:
        """What follows the encoder: necks, classifiers and the embedding.

        Args:
            features: (B, branches, D), of the encoder.
            labels: see `forward`.
        """
        pairs = [neck(branch, labels) for neck, branch in zip(self.necks, features.unbind(1), strict=True)]
        neck_features = torch.stack([normed for normed, _ in pairs], dim=1)
        scores = [score for _, score in pairs if score is not None]
        logits = torch.stack(scores, dim=1) if scores else None
        joined = join_branches(features if self.neck_feature == "before" else neck_features)
        embedding = F.normalize(joined.float(), dim=1)
        return ReIDOutput(embedding, features, neck_features, logits)
