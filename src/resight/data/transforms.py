"""From an RGB image to the network's input: the eval transform and the training augmentation.

Both resize as Pillow does (antialiased, equal to the bit), bilinear for evaluation and bicubic for training, as the
official code does. Pixels stay bytes until the last step, which flips, moves and normalises them in one go. Chance
comes from a generator that is passed in, so a crop's augmentation depends on nothing but its own seed.
"""

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as TF
from PIL import Image
from torch import Tensor

Size = tuple[int, int]
Interpolation = Literal["bilinear", "bicubic"]
Triple = tuple[float, float, float]
EraseFill = Literal["noise", "mean"]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_FILTERS = ("bilinear", "bicubic")


def resize(image: Image.Image | np.ndarray, size: Size, interpolation: Interpolation) -> Tensor:
    """(3, height, width) uint8, from an RGB image: the pixels of Pillow 13, whatever Pillow is installed.

    Args:
        image: RGB, of any size; as an array (H, W, 3) uint8.
        size: (height, width) in pixels.
        interpolation: filter, antialiased where the image shrinks.

    Raises:
        ValueError: for an unknown filter.
    """
    if interpolation not in _FILTERS:
        raise ValueError(f"interpolation must be one of {', '.join(_FILTERS)}, not {interpolation!r}")
    from resight.data.pixel_loops import resample  # imports numba

    return torch.from_numpy(resample(np.ascontiguousarray(image), *size, interpolation == "bicubic"))


def normalize(
    image: Tensor,
    mean: Triple,
    std: Triple,
    *,
    flip: bool = False,
    down: int = 0,
    right: int = 0,
    out: Tensor | None = None,
) -> Tensor:
    """(image / 255 - mean) / std per channel, float32, from (3, H, W) uint8.

    Args:
        image: on the CPU.
        mean: per channel.
        std: per channel.
        flip: whether to mirror it first.
        down: pixels to move it down (up, where negative), over black.
        right: likewise to the right.
        out: (3, H, W) float32, contiguous, to write to; None: a new one.
    """
    from resight.data.pixel_loops import normalize_moved  # imports numba

    out = torch.empty(image.shape, dtype=torch.float32) if out is None else out
    down, right = _inside(image, down, right)
    normalize_moved(image.contiguous().numpy(), *_channels(mean, std), flip, down, right, out.numpy())
    return out


@lru_cache(maxsize=16)
def _channels(mean: Triple, std: Triple) -> tuple[np.ndarray, np.ndarray]:
    return np.array(mean, dtype=np.float32), np.array(std, dtype=np.float32)


@dataclass(frozen=True)
class EvalTransform:
    """Resize and normalise. Everything a stored model needs to read images again.

    image_size: (height, width) in pixels. mean, std: per channel, for values 0..1. interpolation: of the resize.
    """

    image_size: Size
    mean: Triple = (0.5, 0.5, 0.5)
    std: Triple = (0.5, 0.5, 0.5)
    interpolation: Interpolation = "bilinear"

    def __call__(self, image: Image.Image | np.ndarray, out: Tensor | None = None) -> Tensor:
        """(3, H, W) float32, from an RGB image; `image` as `resize` takes it, `out` as `normalize` does."""
        return normalize(resize(image, self.image_size, self.interpolation), self.mean, self.std, out=out)

    def to_json(self) -> dict[str, Any]:
        """Its fields, as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class TrainTransform:
    """The training augmentation, on an image that is already resized (`prepare`), from a seed.

    Order: flip, warp, pad and crop, blur, colour, grey, normalise, erase. The defaults are the official recipe, which
    has no warp, blur, colour or grey.

    image_size: (height, width) in pixels. flip: probability; flip_together: all images of an identity in a batch are
    flipped or none, so that their sides stay comparable. padding: black border in pixels, then a random crop of the
    size. erase: probability of one erased rectangle; erase_area: its share of the image; erase_fill: `noise` (Gaussian,
    aspect drawn log-uniformly) or `mean` (strong baseline: the ImageNet mean, aspect drawn uniformly).
    zoom, aspect: factors drawn log-uniformly from 1 / (1 + x) .. 1 + x. rotation: degrees to either side.
    translation: share of the side. blur: probability of losing detail (down to 0.3 .. 0.8 of the size and up again).
    brightness, contrast, saturation: factor drawn from 1 - x (at least 0) .. 1 + x. hue: shift drawn from -x .. x, of a
    full turn. grey: probability of a grey image.

    Source: released code of He et al. 2021, arXiv:2102.04378, erasing with noise as timm's
    `RandomErasing(mode="pixel")`; with the mean as released code of Luo et al. 2019, arXiv:1906.08332.
    """

    image_size: Size
    mean: Triple = (0.5, 0.5, 0.5)
    std: Triple = (0.5, 0.5, 0.5)
    interpolation: Interpolation = "bicubic"
    flip: float = 0.5
    flip_together: bool = False
    padding: int = 10
    erase: float = 0.5
    erase_area: tuple[float, float] = (0.02, 1 / 3)
    erase_fill: EraseFill = "noise"
    zoom: float = 0.0
    aspect: float = 0.0
    rotation: float = 0.0
    translation: float = 0.0
    blur: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grey: float = 0.0

    def prepare(self, image: Image.Image | np.ndarray) -> Tensor:
        """The part without chance, (3, H, W) uint8: it may be kept and reused in every epoch."""
        return resize(image, self.image_size, self.interpolation)

    def augment(self, image: Tensor, seed: int, shared_seed: int | None = None, out: Tensor | None = None) -> Tensor:
        """(3, H, W) float32, from a prepared image. The same for the same seeds.

        Args:
            image: (3, H, W) uint8; stays as it is.
            seed: of this image.
            shared_seed: of its identity in the batch, for `flip_together`; None: `seed`.
            out: see `normalize`.
        """
        chance = _Chance(seed)
        flips = chance if not self.flip_together or shared_seed is None else _Chance(shared_seed)
        flip, down, right = flips.happens(self.flip), 0, 0
        if any((self.zoom, self.aspect, self.rotation, self.translation)):
            image, flip = self._warp(image.flip(2) if flip else image, chance), False
        if self.padding:  # a border, and a crop of the old size at a random place
            down, right = (self.padding - chance.integer(0, 2 * self.padding) for _ in range(2))
        if any((self.blur, self.brightness, self.contrast, self.saturation, self.hue, self.grey)):
            image = _moved(image.flip(2) if flip else image, down, right)
            flip, down, right = False, 0, 0
            if chance.happens(self.blur):
                image = _lose_detail(image, chance.between(0.3, 0.8))
            image = self._recolour(image, chance)
        normal = normalize(image, self.mean, self.std, flip=flip, down=down, right=right, out=out)
        if chance.happens(self.erase):
            _erase_rectangle(normal, self.erase_area, self.erase_fill, chance)
        return normal

    def _warp(self, image: Tensor, chance: "_Chance") -> Tensor:
        """Zoom, aspect, rotation and translation in one bilinear resampling; black outside."""
        zoom, aspect = chance.log_factor(self.zoom), chance.log_factor(self.aspect)
        angle = math.radians(chance.between(-self.rotation, self.rotation))
        x, y = (2 * chance.between(-self.translation, self.translation) for _ in range(2))
        wide, high = 1 / (zoom * aspect), aspect / zoom
        height, width = self.image_size
        # Maps places of the result to places of the image, both from -1 to 1; turning needs square pixels.
        turn, ratio = math.sin(angle), height / width
        theta = [[wide * math.cos(angle), -high * turn * ratio, x], [wide * turn / ratio, high * math.cos(angle), y]]
        grid = F.affine_grid(torch.tensor([theta]), [1, 3, height, width], align_corners=False)
        moved = F.grid_sample(image[None].float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return moved[0].round_().to(torch.uint8)

    def _recolour(self, image: Tensor, chance: "_Chance") -> Tensor:
        if self.brightness:
            image = TF.adjust_brightness(image, chance.factor(self.brightness))
        if self.contrast:
            image = TF.adjust_contrast(image, chance.factor(self.contrast))
        if self.saturation:
            image = TF.adjust_saturation(image, chance.factor(self.saturation))
        if self.hue:
            image = TF.adjust_hue(image, chance.between(-self.hue, self.hue))
        if chance.happens(self.grey):
            image = TF.rgb_to_grayscale(image, num_output_channels=3)
        return image


class _Chance:
    """Draws from a seed of its own; torch's generator, so that noise and choices come from one stream."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def factor(self, spread: float) -> float:
        return self.between(max(1 - spread, 0.0), 1 + spread)

    def log_factor(self, spread: float) -> float:
        return math.exp(self.between(-math.log1p(spread), math.log1p(spread)))

    def happens(self, probability: float) -> bool:
        return probability > 0 and self.between(0, 1) < probability

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    """The image moved by so many pixels, over black."""
    down, right = _inside(image, down, right)
    return F.pad(image, (right, -right, down, -down))


def _inside(image: Tensor, down: int, right: int) -> tuple[int, int]:
    """A move by no more than the image's height and width, which leave nothing of it already."""
    height, width = image.shape[-2:]
    return min(max(down, -height), height), min(max(right, -width), width)


def _lose_detail(image: Tensor, share: float) -> Tensor:
    """The image at a share of its size, and back."""
    height, width = image.shape[-2:]
    small = (max(round(share * height), 1), max(round(share * width), 1))
    smaller = F.interpolate(image[None].float(), small, mode="bilinear", antialias=True)
    return F.interpolate(smaller, (height, width), mode="bilinear")[0].round_().clamp_(0, 255).to(torch.uint8)


def _erase_rectangle(image: Tensor, area: tuple[float, float], fill: EraseFill, chance: _Chance) -> None:
    """Erases one rectangle, in place; nothing where none of the drawn rectangles fits.

    `noise`: 10 draws, the aspect log-uniform in 0.3 .. 1 / 0.3, filled with Gaussian noise. `mean`: 100 draws, the
    aspect uniform there, filled with the ImageNet mean as it is, although the image is normalised already.

    Args:
        image: (3, H, W) float, normalised.
        area: smallest and largest share of the image.
        fill: which of the two.
        chance: where the draws come from.
    """
    _, height, width = image.shape
    for _ in range(10 if fill == "noise" else 100):
        pixels = chance.between(*area) * height * width
        if fill == "noise":
            aspect = math.exp(chance.between(math.log(0.3), math.log(1 / 0.3)))
        else:
            aspect = chance.between(0.3, 1 / 0.3)
        rows, columns = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
        if rows < height and columns < width:
            top, left = chance.integer(0, height - rows), chance.integer(0, width - columns)
            if fill == "noise":
                values = torch.randn(3, rows, columns, generator=chance.generator)
            else:
                values = torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
            image[:, top : top + rows, left : left + columns] = values
            return
