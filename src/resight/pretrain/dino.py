"""DINO: a student predicts, from any crop, what a slowly following teacher says of the other global crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from resight.pretrain.crop_vit import CropViT
from resight.pretrain.dino_loss import dino_loss, teacher_probabilities
from resight.pretrain.heads import DinoHead
from resight.pretrain.health import entropy, spread
from resight.pretrain.koleo import koleo
from resight.pretrain.masking import masked_patch_loss, random_masks
from resight.pretrain.method import PretrainTask, feature_width
from resight.pretrain.optimizer import clip_each, set_weight_decay
from resight.pretrain.processes import averaged, world
from resight.pretrain.schedules import cosine, warmed_up
from resight.pretrain.target import follow, make_target, place_beside
from resight.pretrain.view_batch import ViewBatch
from resight.train.task import StepTime


@dataclass(frozen=True)
class DinoSettings:
    """How DINO trains; the defaults are those of the released LUPerson scripts of TransReID-SSL.

    prototypes: K. hidden, bottleneck, layers, batch_norm, trains_gain: of the head, see `DinoHead`.
    student_temperature: constant. teacher_temperature: reached after `warmup_teacher_epochs`, from
    `warmup_teacher_temperature`. center_momentum: of the mean that is taken off the teacher's scores. momentum: of the
    teacher at the start, a cosine to 1 at the end. weight_decay, final_weight_decay: likewise. clip: largest norm of
    each tensor's gradient; None does not clip. freeze_epochs: epochs in which the prototypes stay.
    koleo: weight of that loss on the global crops (DINOv2: 0.1); 0 leaves it out. masking: weight of the loss of hidden
    patches (iBOT: 1), for ViTs; 0 leaves it out.
    """

    prototypes: int = 65536
    hidden: int = 2048
    bottleneck: int = 256
    layers: int = 3
    batch_norm: bool = False
    trains_gain: bool = False
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    warmup_teacher_temperature: float = 0.04
    warmup_teacher_epochs: int = 0
    center_momentum: float = 0.9
    momentum: float = 0.996
    weight_decay: float = 0.04
    final_weight_decay: float = 0.4
    clip: float | None = 3.0
    freeze_epochs: int = 1
    koleo: float = 0.0
    masking: float = 0.0


class DinoOutput(NamedTuple):
    """scores: (V, B, K) of all crops. features: (V, B, D) of the backbone. patches: (M, K) scores of hidden patches."""

    scores: Tensor
    features: Tensor
    patches: Tensor | None


class DinoNetwork(nn.Module):
    """Backbone and head. Crops of one size pass the backbone together; the head runs once on all of them.

    Args:
        backbone: images to (B, D).
        settings: of the head; with masking, of a token for hidden patches.

    Raises:
        ValueError: if patches are to be hidden from a net that is no plain ViT.
    """

    def __init__(self, backbone: nn.Module, settings: DinoSettings) -> None:
        super().__init__()
        self.backbone = backbone
        width = feature_width(backbone)
        self.head = DinoHead(
            width,
            settings.prototypes,
            hidden=settings.hidden,
            bottleneck=settings.bottleneck,
            layers=settings.layers,
            batch_norm=settings.batch_norm,
            trains_gain=settings.trains_gain,
        )
        if settings.masking and not isinstance(backbone, CropViT):
            raise ValueError("masking hides patches of a plain ViT; take one such as vit_small, or masking=0")
        self.mask_token = nn.Parameter(torch.zeros(width)) if settings.masking else None

    def forward(
        self,
        views: Sequence[Tensor],
        *,
        frozen_prototypes: bool = False,
        masks: Tensor | None = None,
        hides: bool = False,
    ) -> DinoOutput:
        """Scores and features of all crops.

        Args:
            views: (V, B, 3, H, W) for each size, the global ones first.
            frozen_prototypes: send no gradient to them.
            masks: (V * B, N) bool of the global crops: the patches whose scores are wanted too.
            hides: hide those patches from the net.
        """
        features, patches = [], []
        for number, crops in enumerate(views):
            images = crops.flatten(0, 1)
            if number == 0 and masks is not None:
                backbone: Any = self.backbone
                tokens = backbone.tokens(images, masks if hides else None, self.mask_token)
                features.append(tokens[:, 0])
                patches.append(tokens[:, -masks.shape[1] :][masks])
            else:
                features.append(self.backbone(images))
        joined = torch.cat(features)
        rows, batch = len(joined), views[0].shape[1]
        scores = self.head(torch.cat([joined, *patches]), frozen_prototypes=frozen_prototypes)
        of_crops = scores[:rows].view(-1, batch, scores.shape[1])
        return DinoOutput(of_crops, joined.view(-1, batch, joined.shape[1]), scores[rows:] if patches else None)


class DinoTask(PretrainTask):
    """DINO as a task of the trainer; the teacher's backbone is what it is for.

    A batch's first size are the global crops, which the teacher sees; the student sees all. Each step: teacher and
    student, the loss with the center of the step before, each tensor's gradient clipped by itself, no gradient for the
    prototypes in the first epochs, the optimiser, then center and teacher.

    Args:
        backbone: as it starts, with the stochastic depth of the student.
        settings: how.

    Source: Caron et al. 2021, arXiv:2104.14294; Luo et al. 2021, arXiv:2111.12084; their released code.
    """

    method = "dino"

    def __init__(self, backbone: nn.Module, settings: DinoSettings) -> None:
        network = DinoNetwork(backbone, settings)
        super().__init__(network, make_target(network))
        self.settings = settings
        self.center = torch.zeros(1, settings.prototypes)
        self.patch_center = torch.zeros(1, settings.prototypes)
        self._means: list[Tensor] = []  # of the teacher's scores, of the batches of this optimiser step
        self._patch_means: list[Tensor] = []

    @property
    def backbone(self) -> nn.Module:
        """The teacher's."""
        return self.target.backbone  # type: ignore[return-value]

    @property
    def freezes(self) -> bool:
        """Whether the prototypes stay in this epoch."""
        return self.time.epoch < self.settings.freeze_epochs

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        super().before_step(time, optimizer)
        start, end = self.settings.weight_decay, self.settings.final_weight_decay
        set_weight_decay(optimizer, cosine(start, end, time.progress))

    def terms(self, model: nn.Module, batch: ViewBatch) -> dict[str, Tensor]:
        """`loss`, its parts, and numbers on the health of the run (`resight.pretrain.health`)."""
        settings, views = self.settings, batch.views
        self._place(views[0])
        masks = self._masks(views[0])
        with torch.no_grad():
            said: DinoOutput = self.target(views[:1], masks=masks)
        # Without a gradient for them the prototypes cost less; DDP waits for it, and then it is dropped.
        frozen = self.freezes and world() == 1
        seen: DinoOutput = model(views, frozen_prototypes=frozen, masks=masks, hides=True)
        warm = (settings.warmup_teacher_temperature, settings.teacher_temperature, settings.warmup_teacher_epochs)
        temperature = warmed_up(*warm, self.time.epoch)
        with torch.autocast(views[0].device.type, enabled=False):
            probabilities = teacher_probabilities(said.scores, self.center, temperature)
            loss = dino_loss(seen.scores, probabilities, settings.student_temperature)
            parts = {}
            if settings.koleo:
                parts["koleo_loss"] = torch.stack([koleo(crop) for crop in seen.features[: len(views[0])]]).sum()
                loss = loss + settings.koleo * parts["koleo_loss"]
            if masks is not None and said.patches is not None and seen.patches is not None:
                wanted = teacher_probabilities(said.patches, self.patch_center, temperature)
                parts["patch_loss"] = masked_patch_loss(seen.patches, wanted, masks, settings.student_temperature)
                loss = loss + settings.masking * parts["patch_loss"]
                if len(said.patches):
                    self._patch_means.append(said.patches.float().mean(0, keepdim=True))
            self._means.append(said.scores.float().flatten(0, 1).mean(0, keepdim=True))
            health = {"teacher_entropy": entropy(probabilities), "center_norm": self.center.norm()}
        return {"loss": loss, **parts, **health, **spread(said.features.flatten(0, 1))}

    def before_update(self) -> None:
        if self.settings.clip is not None:
            clip_each(self.model.parameters(), self.settings.clip)
        if self.freezes:
            head: Any = self.model.head
            for parameter in head.last_layer.parameters():
                parameter.grad = None

    def after_step(self, step: int) -> None:
        keep = self.settings.center_momentum
        self.center = self.center * keep + averaged(torch.stack(self._means).mean(0)) * (1 - keep)
        if self.settings.masking:
            means = torch.stack(self._patch_means).mean(0) if self._patch_means else self.patch_center
            self.patch_center = self.patch_center * keep + averaged(means) * (1 - keep)
        self._means, self._patch_means = [], []
        follow(self.target, self.model, cosine(self.settings.momentum, 1.0, self.time.progress))

    def state(self) -> dict[str, Any]:
        return {**super().state(), "center": self.center, "patch_center": self.patch_center}

    def load_state(self, state: Any) -> None:
        super().load_state(state)
        self.center, self.patch_center = state["center"].clone(), state["patch_center"].clone()

    def _masks(self, crops: Tensor) -> Tensor | None:
        if not self.settings.masking:
            return None
        size: int = self.model.backbone.patch_size  # type: ignore[union-attr, assignment]
        count, patches = crops.shape[0] * crops.shape[1], (crops.shape[3] // size) * (crops.shape[4] // size)
        return random_masks(count, patches).to(crops.device)

    def _place(self, like: Tensor) -> None:
        place_beside(self.target, like)
        self.center, self.patch_center = self.center.to(like.device), self.patch_center.to(like.device)
