"""Center loss in training: it pulls the features at a small weight, while its centers move at a rate of their own."""

import torch
import torch.distributed as dist
from torch import Tensor

from resight.losses import CenterLoss, center_loss


class MovingCenters:
    """The centers of the global feature, and their optimiser.

    The strong baseline adds weight * center loss to its loss, and multiplies the gradient of the centers by 1 / weight
    before a plain SGD step of rate 0.5. The same is done here without the detour: features get their gradient from the
    weighted loss, centers from the unweighted one. So neither loss scaling nor schedule nor clipping reaches the
    centers. Their gradient is the mean over the batches of an optimiser step and over the processes.

    Of a model with several branches only the global one has centers.

    Args:
        num_classes: training identities C.
        dim: width D of the global feature.
        weight: of the loss.
        lr: of the centers.

    Source: released code of Luo et al. 2019, arXiv:1906.08332 (weight 0.0005, rate 0.5).
    """

    def __init__(self, num_classes: int, dim: int, *, weight: float, lr: float = 0.5) -> None:
        self.loss = CenterLoss(num_classes, dim)
        self.weight = weight
        self.optimizer = torch.optim.SGD(self.loss.parameters(), lr=lr)
        self._batches = 0  # since the last step

    def pull(self, features: Tensor, labels: Tensor) -> Tensor:
        """The unweighted loss (scalar), differentiable in the features; the centers note where they have to go.

        Args:
            features: (B, D) of the global branch, before the neck.
            labels: (B,) int, 0..C-1.
        """
        self.loss.to(features.device)
        with torch.autocast(features.device.type, enabled=False):
            self.loss(features.detach(), labels).backward()
            self._batches += 1
            return center_loss(features, self.loss.centers.detach(), labels)

    def move(self) -> None:
        """One step of the centers, over the batches since the last one. All processes move them alike."""
        gradient = self.loss.centers.grad
        if gradient is None:
            return
        processes = 1
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(gradient)
            processes = dist.get_world_size()
        gradient /= self._batches * processes
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._batches = 0

    def state(self) -> Tensor:
        """The centers (C, D); between two steps there is nothing else to keep."""
        return self.loss.centers.detach()

    def load_state(self, centers: Tensor) -> None:
        """Raises RuntimeError if the centers have another shape."""
        self.loss.load_state_dict({"centers": centers})
