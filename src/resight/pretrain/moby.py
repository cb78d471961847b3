"""MoBY: MoCo v2's queue with a predictor and both directions, and stochastic depth on one side alone."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resight.pretrain.contrast import queue_contrast
from resight.pretrain.heads import moby_mlp
from resight.pretrain.health import spread
from resight.pretrain.method import PretrainTask, feature_width
from resight.pretrain.mocov3 import PredictingNetwork, TargetNetwork
from resight.pretrain.processes import gathered, world
from resight.pretrain.queue import KeyQueue
from resight.pretrain.schedules import cosine
from resight.pretrain.target import make_target, place_beside
from resight.pretrain.view_batch import ViewBatch
from resight.train.task import StepTime


@dataclass(frozen=True)
class MobySettings:
    """How MoBY trains; the defaults are the official ones. The stochastic depth of the online net is the backbone's.

    dim: of predictions and targets. hidden: width of the MLPs. queue: keys in each of the two. momentum: of the target
    at the start, a cosine to 1 at the end. temperature: of the loss.
    """

    dim: int = 256
    hidden: int = 4096
    queue: int = 4096
    momentum: float = 0.99
    temperature: float = 0.2


class MobyTask(PretrainTask):
    """MoBY as a task of the trainer, on two views of one size.

    Each step: predictions of both views, the target follows the online net as it is before the step, targets of both
    views, each prediction against the other view's target and that view's queue as it was, the optimiser; then the
    targets of all processes enter their queues.

    Args:
        backbone: as it starts, with the stochastic depth of the online net; the target has none.
        settings: how.

    Source: Xie et al. 2021, arXiv:2105.04553, and its released code.
    """

    method = "moby"

    def __init__(self, backbone: nn.Module, settings: MobySettings) -> None:
        width, dim, hidden = feature_width(backbone), settings.dim, settings.hidden
        network = PredictingNetwork(backbone, moby_mlp(width, dim, hidden=hidden), moby_mlp(dim, dim, hidden=hidden))
        super().__init__(network, make_target(TargetNetwork(network)))
        self.settings = settings
        self.queues = [KeyQueue(settings.queue, dim) for _ in range(2)]  # targets of the first and the second view
        self._keys: list[list[Tensor]] = []  # of the batches of this optimiser step

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        super().before_step(time, optimizer)
        if self.is_first_batch:
            target: Any = self.target
            target.follow(self.model, cosine(self.settings.momentum, 1.0, time.progress))

    def terms(self, model: nn.Module, batch: ViewBatch) -> dict[str, Tensor]:
        """`loss` (both directions), and how far the backbone's features spread."""
        views = batch.pair()
        place_beside(self.target, views[0])
        for queue in self.queues:
            queue.to(views[0].device)
            queue.check(len(views[0]) * world())
        predictions = [F.normalize(prediction.float(), dim=1) for prediction in model(*views)]
        with torch.no_grad():
            outputs, features = zip(*(self.target(view) for view in views), strict=True)
            keys = [F.normalize(output.float(), dim=1) for output in outputs]
        self._keys.append(keys)
        with torch.autocast(views[0].device.type, enabled=False):
            loss = torch.stack(
                [
                    queue_contrast(predictions[1 - view], keys[view], self.queues[view].keys, self.settings.temperature)
                    for view in (1, 0)
                ]
            ).sum()
        return {"loss": loss, **spread(features[0])}

    def after_step(self, step: int) -> None:
        for keys in self._keys:
            for queue, of_view in zip(self.queues, keys, strict=True):
                queue.put(gathered(of_view))
        self._keys = []

    def beside_the_model(self, device: torch.device) -> list[Tensor]:
        """The queues too."""
        for queue in self.queues:
            queue.to(device)
        return [*super().beside_the_model(device), *(queue.keys for queue in self.queues)]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "queues": [queue.state() for queue in self.queues]}

    def load_state(self, state: Any) -> None:
        super().load_state(state)
        for queue, stored in zip(self.queues, state["queues"], strict=True):
            queue.load_state(stored)
