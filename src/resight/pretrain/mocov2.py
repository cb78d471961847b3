"""MoCo v2: a query has to find the key of its own image among the keys of past batches."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resight.pretrain.contrast import queue_logits
from resight.pretrain.heads import moco_v2_head
from resight.pretrain.health import spread
from resight.pretrain.method import PretrainTask, feature_width
from resight.pretrain.processes import gathered, rank, world
from resight.pretrain.queue import KeyQueue
from resight.pretrain.target import follow, make_target, place_beside
from resight.pretrain.view_batch import ViewBatch
from resight.train.task import StepTime


@dataclass(frozen=True)
class MocoV2Settings:
    """How MoCo v2 trains; the defaults are the official ones.

    dim: of queries and keys. queue: keys in it. wraps: whether a batch may reach over its end (LUPerson's code, whose
    batch of 2560 does not divide 65536). momentum: of the key network. temperature: 0.2; LUPerson's script has 0.1.
    """

    dim: int = 128
    queue: int = 65536
    wraps: bool = False
    momentum: float = 0.999
    temperature: float = 0.2


class EncoderNetwork(nn.Module):
    """Backbone and head: images (B, 3, H, W) to outputs (B, dim) and the backbone's features (B, D)."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.backbone(images)
        return self.head(features), features


class MocoV2Task(PretrainTask):
    """MoCo v2 as a task of the trainer, on two views of one size.

    Each step: the key network follows the query network, queries of the first view, keys of the second, the loss
    against the queue as it was, the optimiser; then the keys of all processes enter the queue. Batch norms are not
    shared by the processes; instead the images of the second view are shuffled among them, so that a query and its key
    are normalised in different company.

    Args:
        backbone: as it starts.
        settings: how.

    Source: He et al. 2020, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297; their released code.
    """

    method = "mocov2"
    shares_norms = False

    def __init__(self, backbone: nn.Module, settings: MocoV2Settings) -> None:
        network = EncoderNetwork(backbone, moco_v2_head(feature_width(backbone), settings.dim))
        super().__init__(network, make_target(network))
        self.settings = settings
        self.queue = KeyQueue(settings.queue, settings.dim, wraps=settings.wraps)
        self._keys: list[Tensor] = []  # of the batches of this optimiser step

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        super().before_step(time, optimizer)
        if self.is_first_batch:
            follow(self.target, self.model, self.settings.momentum)

    def terms(self, model: nn.Module, batch: ViewBatch) -> dict[str, Tensor]:
        """`loss`, `accuracy` (share of queries that find their key), and how far the backbone's features spread."""
        first, second = batch.pair()
        place_beside(self.target, first)
        self.queue.to(first.device)
        outputs, features = model(first)
        queries = F.normalize(outputs.float(), dim=1)
        with torch.no_grad():
            keys = F.normalize(self._shuffled_keys(second).float(), dim=1)
        with torch.autocast(first.device.type, enabled=False):
            logits = queue_logits(queries, keys, self.queue.keys, self.settings.temperature)
            loss = F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
        self.queue.check(len(keys) * world())
        self._keys.append(keys)
        accuracy = (logits.detach().argmax(1) == 0).float().mean()
        return {"loss": loss, "accuracy": accuracy, **spread(features)}

    def after_step(self, step: int) -> None:
        for keys in self._keys:
            self.queue.put(gathered(keys))
        self._keys = []

    def beside_the_model(self, device: torch.device) -> list[Tensor]:
        """The queue too."""
        self.queue.to(device)
        return [*super().beside_the_model(device), self.queue.keys]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "queue": self.queue.state()}

    def load_state(self, state: Any) -> None:
        super().load_state(state)
        self.queue.load_state(state["queue"])

    def _shuffled_keys(self, images: Tensor) -> Tensor:
        """Keys of this process's images, each computed in company drawn by lot from the images of all processes."""
        if world() == 1:
            keys: Tensor = self.target(images)[0]
            return keys
        everything = gathered(images)
        lot = torch.Generator().manual_seed(self.time.update * self.time.steps + self.time.step)  # the same everywhere
        order = torch.randperm(len(everything), generator=lot).to(images.device)
        mine = slice(rank() * len(images), (rank() + 1) * len(images))
        outputs = gathered(self.target(everything[order[mine]])[0])
        return outputs[order.argsort()][mine]
