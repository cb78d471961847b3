"""What the loop trains: a model, and how a batch becomes a loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from resight.data.dataset import Batch
from resight.errors import DataError
from resight.losses import ReIDLoss
from resight.models import ReIDModel
from resight.train.centers import MovingCenters
from resight.train.gather import gather_batch


@dataclass(frozen=True)
class StepTime:
    """Where in the run a batch is.

    epoch: from 0. step: batch in it, from 0. steps: batches of the epoch. update: optimiser steps done before this one.
    updates_total: of the whole run; an epoch has ceil(steps / accumulation).
    """

    epoch: int
    step: int
    steps: int
    update: int
    updates_total: int

    @property
    def progress(self) -> float:
        """Share of the run's optimiser steps that are done, 0..1."""
        return self.update / max(self.updates_total, 1)


class Task(Protocol):
    """One way of training. The loop knows nothing else about it.

    model: what is optimised.
    """

    model: nn.Module

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        """Called before each batch, after its learning rate is set: the place for what follows a schedule of its own.

        Batches of one optimiser step share `time.update`.
        """
        ...

    def before_update(self) -> None:
        """Called before each optimiser step, when all gradients are there and unscaled: the place to change them."""
        ...

    def terms(self, model: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Scalars of a batch: `loss`, which is differentiated, and what else is worth logging.

        Args:
            model: the model to call: `self.model`, perhaps wrapped for several processes.
            batch: on the model's device.
        """
        ...

    def after_step(self, step: int) -> None:
        """Called after each optimiser step, counted from 1: the place to update a teacher or a queue."""
        ...

    def state(self) -> dict[str, Any]:
        """What must be stored beside the model to go on: teacher, centre, queue."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None: ...


class SupervisedTask:
    """Re-identification with labels: `ReIDLoss` over all branches, and center loss where there are centers.

    Args:
        model: a `ReIDModel` with classifiers.
        loss: of features, logits and labels.
        centers: of the global feature; None: no center loss.
        across_ranks: triplet and contrastive loss see the batches of all processes, as one process with the joined
            batch would.
    """

    def __init__(
        self,
        model: ReIDModel,
        loss: ReIDLoss,
        centers: MovingCenters | None = None,
        *,
        across_ranks: bool = False,
    ) -> None:
        self.model: nn.Module = model
        self.loss = loss
        self.centers = centers
        self.across_ranks = across_ranks
        if not loss.weights["identity"]:
            model.necks.requires_grad_(False)  # nothing reaches them, and DDP waits for the gradients of all that train

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        """Nothing here follows a schedule of its own."""

    def before_update(self) -> None:
        """Gradients stay as they are."""

    def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """`loss`, its parts (`identity_loss`, ...) and `accuracy` (share of the batch that the global branch names)."""
        _require_labels(batch)
        output = model(batch.images, batch.cameras, batch.views, batch.labels)
        return self._terms_of(output, batch.labels, batch.skipped)

    @property
    def encoder(self) -> nn.Module:
        """What runs batch by batch where batches are joined (`resight.train.joined`)."""
        model: Any = self.model
        encoder: nn.Module = model.encoder
        return encoder

    def encode(self, encoder: nn.Module, batch: Batch) -> Tensor:
        """(B, branches, D): the features of a batch."""
        _require_labels(batch)
        features: Tensor = encoder(batch.images, batch.cameras, batch.views)
        return features

    def joined_terms(self, features: Tensor, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """`terms` of several batches as if they were one, from their features (sum of B, branches, D)."""
        labels = torch.cat([batch.labels for batch in batches])
        model: Any = self.model
        skipped = [message for batch in batches for message in batch.skipped]
        return self._terms_of(model.head(features, labels), labels, skipped)

    def _terms_of(self, output: Any, labels: Tensor, skipped: Sequence[str]) -> dict[str, Tensor]:
        features, metric_labels = output.features, labels
        if self.across_ranks:
            features, metric_labels = gather_batch(features, labels)
        if skipped and self.loss.weights["triplet"]:
            _require_negatives(metric_labels, skipped)
        total, parts = self.loss(features, output.logits, labels, metric_labels=metric_labels)
        if self.centers is not None:
            pull = self.centers.pull(output.features[:, 0], labels)
            total, parts = total + self.centers.weight * pull, {**parts, "center": pull}
        with torch.no_grad():
            accuracy = (output.logits[:, 0].argmax(1) == labels).float().mean()
        return {
            "loss": total,
            **{f"{name}_loss": value for name, value in parts.items()},
            "accuracy": accuracy,
        }

    def after_step(self, step: int) -> None:
        if self.centers is not None:
            self.centers.move()

    def state(self) -> dict[str, Any]:
        return {} if self.centers is None else {"centers": self.centers.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if self.centers is not None:
            self.centers.load_state(state["centers"])


def _require_labels(batch: Batch) -> None:
    if bool((batch.labels < 0).any()):
        rows = batch.rows[batch.labels < 0].tolist()
        raise DataError(f"training rows {rows[:5]} have no identity; supervised training needs one for each row")


def _require_negatives(labels: Tensor, skipped: Sequence[str]) -> None:
    if bool((labels == labels[0]).all()):
        raise DataError(
            f"a batch is left with one identity, since {len(skipped)} of its images cannot be read, so nothing is left "
            f"to mine; mend these files (`resight data check` lists all) and resume; the first: {skipped[0]}"
        )
