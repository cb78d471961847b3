"""What the loop trains: a model, and how a batch becomes a loss."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from resight.data.dataset import Batch
from resight.errors import DataError
from resight.losses import ReIDLoss


class Task(Protocol):
    """One way of training. The loop knows nothing else about it.

    model: what is optimised.
    """

    model: nn.Module

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
    """Re-identification with labels: `ReIDLoss` over all branches.

    Args:
        model: a `ReIDModel` with classifiers.
        loss: of features, logits and labels.
    """

    def __init__(self, model: nn.Module, loss: ReIDLoss) -> None:
        self.model = model
        self.loss = loss

    def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """`loss`, its parts (`identity_loss`, ...) and `accuracy` (share of the batch that the global branch names)."""
        if bool((batch.labels < 0).any()):
            rows = batch.rows[batch.labels < 0].tolist()
            raise DataError(f"training rows {rows[:5]} have no identity; supervised training needs one for each row")
        output = model(batch.images, batch.cameras, batch.views)
        terms = self.loss(output.features, output.logits, batch.labels)
        with torch.no_grad():
            accuracy = (output.logits[:, 0].argmax(1) == batch.labels).float().mean()
        return {
            "loss": terms.total,
            **{f"{name}_loss": value for name, value in terms.parts.items()},
            "accuracy": accuracy,
        }

    def after_step(self, step: int) -> None:
        return None

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        return None
