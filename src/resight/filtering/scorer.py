"""What gives the images of a pool their scores, and the batch that it sees: decoded once for all scorers.

A scorer names what it needs (`measures` of the decoded pixels, `spaces` whose features it compares). The pass
(`resight.filtering.scoring`) computes each of these once, whoever asks for it, and writes what the scorers give.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.data.transforms import EvalTransform, Interpolation, Size
from resight.filtering.feature_space import FeatureSpace

PixelMeasure = Callable[[npt.NDArray[np.uint8]], float]
"""A number of a decoded, upright crop (H, W, 3) uint8 RGB at its own size; runs in the loader's workers, so it is a
function of a module, not a lambda."""

Resized = tuple[Size, Interpolation]
"""How the pixels of a batch were resized; spaces that differ in mean and std alone share them."""

Values = Tensor | npt.NDArray[Any]
"""A score of each image of a batch, (B,): a number, stored as float32."""


class ScoreBatch:
    """B images that could be read, in the order of the pool; damaged ones are not among them.

    Args:
        rows: (B,) int64, in the pool.
        pixels: for each kind of resize the images, (B, 3, H, W) uint8 on the device where nets compute.
        measured: for each measure its values, (B,) float32.
        autocast: number type of the nets' matrix products; None: float32.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        pixels: Mapping[Resized, Tensor],
        measured: Mapping[str, npt.NDArray[np.float32]],
        autocast: torch.dtype | None = None,
    ) -> None:
        self.rows = rows
        self.measured = measured
        self._pixels = pixels
        self._autocast = autocast
        self._images: dict[EvalTransform, Tensor] = {}
        self._features: dict[FeatureSpace, Tensor] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def images(self, transform: EvalTransform) -> Tensor:
        """(B, 3, H, W) float32: what the transform makes of the images; computed once, not to be changed."""
        if transform not in self._images:
            pixels = self._pixels[transform.image_size, transform.interpolation]
            mean, std = (
                torch.tensor(values, device=pixels.device).view(1, 3, 1, 1)
                for values in (transform.mean, transform.std)
            )
            self._images[transform] = pixels.float().div_(255).sub_(mean).div_(std)
        return self._images[transform]

    def features(self, space: FeatureSpace) -> Tensor:
        """(B, D) float32, as the net gives them, not normalised; computed once, whoever asks.

        The space is one that the scorer names in its `spaces`.
        """
        if space not in self._features:
            images = self.images(space.transform)
            with torch.autocast(images.device.type, self._autocast, enabled=self._autocast is not None):
                self._features[space] = space.net(images).float()
        return self._features[space]


class Scorer(Protocol):
    """Gives each image one or more scores, for which nothing is known but the image itself.

    columns: names of the scores. spaces: what it may ask `ScoreBatch.features` for. measures: what it finds in
    `ScoreBatch.measured`; equal names mean equal measures. about: plain values that the scores depend on (for JSON); a
    resumed pass has to have the same.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def spaces(self) -> tuple[FeatureSpace, ...]: ...

    @property
    def measures(self) -> Mapping[str, PixelMeasure]: ...

    @property
    def about(self) -> Mapping[str, Any]: ...

    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        """The scores (B,) of a batch by column, finite; runs without gradients. Tensors may stay on the device."""
        ...
