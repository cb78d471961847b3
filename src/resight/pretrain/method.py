"""What all pre-training methods share as tasks of the trainer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from resight.pretrain.crop_vit import CropViT
from resight.pretrain.processes import world
from resight.pretrain.shared_norm import share_batch_norm
from resight.train.task import StepTime


class PretrainTask(ABC):
    """A network that trains, the target that follows it, and where the run is.

    Args:
        model: what trains; its `backbone` gives (B, D).
        target: its copy, `resight.pretrain.target.make_target`.

    method: the name. shares_norms: whether batch norms are those of the joined batch of all processes.
    """

    method: ClassVar[str]
    shares_norms: ClassVar[bool] = True

    def __init__(self, model: nn.Module, target: nn.Module) -> None:
        self.model = model
        self.target = target
        self.time = StepTime(0, 0, 1, 0, 1)
        self.is_first_batch = True  # of an optimiser step
        self._update = -1
        self._are_processes_joined = False

    @property
    def width(self) -> int:
        """D of the backbone's feature."""
        return feature_width(self.model.backbone)  # type: ignore[arg-type]

    @property
    def backbone(self) -> nn.Module:
        """The net to keep and to evaluate: here the one that trains."""
        return self.model.backbone  # type: ignore[return-value]

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        self.time = time
        self.is_first_batch = time.update != self._update
        self._update = time.update
        if not self._are_processes_joined:
            self._join_processes()

    @abstractmethod
    def terms(self, model: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """`loss`, and numbers on the health of the run, of a `ViewBatch`; see `resight.train.task.Task`."""

    def before_update(self) -> None:  # noqa: B027
        """Gradients stay as they are."""

    def after_step(self, step: int) -> None:  # noqa: B027
        """Nothing follows the step."""

    def state(self) -> dict[str, Any]:
        """The target, and what tells this run from one of another kind."""
        heads = attention_heads(self.backbone)
        return {"method": self.method, "width": self.width, "heads": heads, "target": self.target.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError if it is that of another method or backbone."""
        method, width = state.get("method"), state.get("width")
        if method != self.method:
            what = "it is not of a pre-training" if method is None else f"it is of a pre-training by {method}"
            raise ValueError(f"{what}, this run is one by {self.method}")
        if width != self.width:
            raise ValueError(f"its backbone gives features of {width} numbers, that of this run {self.width}")
        self.target.load_state_dict(state["target"])

    def beside_the_model(self, device: torch.device) -> list[Tensor]:
        """What starts at random and has to start the same in all processes, moved to a device."""
        self.target.to(device)
        return list(self.target.state_dict().values())

    def _join_processes(self) -> None:
        """Once the processes know each other: shared batch norms, and one start for what DDP does not see."""
        self._are_processes_joined = True
        if world() == 1:
            return
        for tensor in self.beside_the_model(next(self.model.parameters()).device):
            dist.broadcast(tensor, 0)
        if self.shares_norms:
            share_batch_norm(self.model)
            share_batch_norm(self.target)


def feature_width(backbone: nn.Module) -> int:
    """D of a backbone's feature, `num_features` in timm's words."""
    width = getattr(backbone, "head_hidden_size", None) or getattr(backbone, "num_features", None)
    if width is None:
        raise ValueError(f"a {type(backbone).__name__} does not say how wide its feature is; give it `num_features`")
    return int(width)


def attention_heads(backbone: nn.Module) -> int | None:
    """Heads of a ViT, which its tensors do not show; None: it is no plain ViT."""
    if not isinstance(backbone, CropViT):
        return None
    first: Any = backbone.blocks[0]
    return int(first.attn.num_heads)
