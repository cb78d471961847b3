"""How close the target set comes to an image: the cosine to its nearest image, in one model's space."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from resight.data.pool import Pool
from resight.errors import DataError
from resight.filtering.exchange import Exchange
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.loading import PoolReader, pool_loader
from resight.filtering.scorer import PixelMeasure, ScoreBatch, Values
from resight.filtering.scoring import PassSettings

NEAREST: Final = "nearest"

_COLUMNS = 8192  # target images at a time: 64 of the pool against them take 2 MB
_logger = logging.getLogger(__name__)


def nearest_cosine(features: Tensor, targets: Tensor) -> Tensor:
    """Cosine of each feature to the nearest of the targets, (B,) float32, -1 to 1.

    Args:
        features: (B, D) real, of any length.
        targets: (M, D) float32 of unit length, on the device of `features`.

    Raises:
        ValueError: if the widths differ, or there is no target.
    """
    if features.ndim != 2 or targets.ndim != 2 or features.shape[1] != targets.shape[1] or not len(targets):
        raise ValueError(
            f"nearest_cosine: expected (B, D) and (M, D) with the same D and one target or more, got "
            f"{tuple(features.shape)} and {tuple(targets.shape)}; both have to come from the same model"
        )
    unit = F.normalize(features.float(), dim=1)
    starts = range(0, len(targets), _COLUMNS)
    highest = [(unit @ targets[start : start + _COLUMNS].mT).amax(1) for start in starts]
    return torch.stack(highest).amax(0).clamp(-1, 1)


@torch.inference_mode()
def target_features(
    space: FeatureSpace, pool: Pool, settings: PassSettings, exchange: Exchange | None = None
) -> Tensor:
    """Features of all target images, (M, D) float32 of unit length on the settings' device; damaged ones are left out.

    Processes share the batches; each gets all features, which are those of one process.

    Args:
        space: its net is on the device.
        pool: the target set.
        settings: of the pass that they are compared in: decoder, workers, number type.
        exchange: with the other processes that make the same call.

    Raises:
        DataError: if not one image can be read.
    """
    exchange, size = exchange or Exchange.alone(), settings.batch_size
    batches = [[*range(len(pool))[start : start + size]] for start in range(0, len(pool), size)]
    kind = (space.transform.image_size, space.transform.interpolation)
    reader = PoolReader(pool, [kind], {}, settings.decoder)
    mine: list[Tensor | None] = []
    for loaded in pool_loader(reader, batches[exchange.rank :: exchange.world], workers=settings.workers):
        for _, reason in loaded.damaged:
            _logger.warning("left out of the target: %s", reason)
        pixels = {kind: loaded.pixels[kind].to(settings.device)}
        batch = ScoreBatch(loaded.rows.numpy(), pixels, {}, settings.autocast)
        mine.append(F.normalize(batch.features(space), dim=1).cpu() if len(batch) else None)
    parts = exchange.gather(mine)
    found = [parts[number % exchange.world][number // exchange.world] for number in range(len(batches))]
    if not any(part is not None for part in found):
        raise DataError("not one image of the target can be read; see the messages above")
    return torch.cat([part for part in found if part is not None]).to(settings.device)


@dataclass(frozen=True, eq=False)
class NearestTarget:
    """A scorer: cosine to the nearest target image.

    space: of the features. targets: (M, D) of `target_features`, in that space and on its device.
    """

    space: FeatureSpace
    targets: Tensor
    columns: tuple[str, ...] = (NEAREST,)

    @property
    def spaces(self) -> tuple[FeatureSpace, ...]:
        return (self.space,)

    @property
    def measures(self) -> Mapping[str, PixelMeasure]:
        return {}

    @property
    def about(self) -> Mapping[str, Any]:
        return {**self.space.about(), "targets": len(self.targets)}

    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        return {NEAREST: nearest_cosine(batch.features(self.space), self.targets)}
