"""Views of an image for pre-training: where they are cut, how they are coloured, all from one seed."""

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from resight.data.transforms import IMAGENET_MEAN, IMAGENET_STD, Size, Triple
from resight.pretrain import pixels

LUPERSON_MEAN: Triple = (0.3525, 0.3106, 0.3140)
LUPERSON_STD: Triple = (0.2660, 0.2522, 0.2505)


@dataclass(frozen=True)
class View:
    """How one view is made: cut, resize (antialiased), flip, colour, grey, blur, solarize, normalise, erase.

    size: (height, width) in pixels. area: smallest and largest share of the image that is cut out; aspect: width to
    height of it, drawn log-uniformly. interpolation: of the resizing; released code of DINO has the first, that of the
    other methods the second. flip: probability. brightness, contrast, saturation: factor drawn from 1 - x .. 1 + x;
    hue: shift drawn from -x .. x of a turn; jitter: probability of these four, in a random order. grey, blur, solarize:
    probabilities. blur_radius: standard deviation in pixels. erase: probability of one black-out rectangle of
    erase_area of the view (filled with the mean).
    """

    size: Size
    area: tuple[float, float]
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.2
    blur: float = 0.5
    blur_radius: tuple[float, float] = (0.1, 2.0)
    solarize: float = 0.0
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 0.6)

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"a view needs a size of 1 pixel or more, not {self.size}")
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"area must rise within 0..1 (0 excluded), not {self.area}")


@dataclass(frozen=True)
class Views:
    """All views of an image.

    views: in the order that the method wants them, those of one size together. mean, std: per channel, for values 0..1.
    """

    views: tuple[View, ...]
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD

    @property
    def sizes(self) -> list[tuple[Size, int]]:
        """Each size and how many views have it."""
        return [(size, len(list(of_size))) for size, of_size in groupby(view.size for view in self.views)]

    def __call__(self, image: npt.NDArray[np.uint8], seed: int) -> list[Tensor]:
        """(V, 3, H, W) float32 for each size. The same for the same seed.

        Args:
            image: (height, width, 3), RGB.
            seed: >= 0.
        """
        rng = np.random.default_rng(seed)
        scale = (1 / (255 * np.asarray(self.std))).astype(np.float32)
        shift = (-np.asarray(self.mean) / np.asarray(self.std)).astype(np.float32)
        result = [torch.empty(count, 3, *size) for size, count in self.sizes]
        places = ((group, number) for group, views in enumerate(result) for number in range(len(views)))
        for view, (group, number) in zip(self.views, places, strict=True):
            _draw(view, image, rng, result[group][number].numpy(), scale, shift)
        return result


def dino_views(
    global_size: Size = (256, 128),
    local_size: Size = (128, 64),
    *,
    local_crops: int = 8,
    global_area: tuple[float, float] = (0.4, 1.0),
    local_area: tuple[float, float] = (0.05, 0.4),
) -> Views:
    """Two global crops and some local ones, as DINO and TransReID-SSL have them.

    The local ones differ from each other and from the global ones in blur and solarisation too. The aspect of a cut is
    drawn from 3/4 to 4/3 of the image's pixels whatever the shape that it is resized to, as in the released code.

    Raises:
        ValueError: if a local crop is larger than a global one, or of the same size.
    """
    if local_crops and (local_size[0] > global_size[0] or local_size[1] > global_size[1] or local_size == global_size):
        raise ValueError(
            f"local crops of {local_size[0]}x{local_size[1]} (height x width) are not smaller than the global ones of "
            f"{global_size[0]}x{global_size[1]}; a usual local size is half the global one"
        )
    first = View(global_size, global_area, blur=1.0)
    second = replace(first, blur=0.1, solarize=0.2)
    local = View(local_size, local_area, blur=0.5)
    return Views((first, second, *[local] * local_crops))


def byol_views(size: Size = (256, 128), *, area: tuple[float, float] = (0.08, 1.0)) -> Views:
    """The two views of MoCo v3 and MoBY; MoCo v3 on a ResNet-50 has an area from 0.2 on."""
    first = View(size, area, "bilinear", blur=1.0)
    return Views((first, replace(first, blur=0.1, solarize=0.2)))


def mocov2_views(size: Size = (256, 128), *, area: tuple[float, float] = (0.2, 1.0)) -> Views:
    """The two views of MoCo v2, both drawn alike."""
    view = View(size, area, "bilinear", saturation=0.4, blur=0.5)
    return Views((view, view))


def luperson_views(size: Size = (256, 128), *, area: tuple[float, float] = (0.2, 1.0)) -> Views:
    """The two views of LUPerson's MoCo v2: no colour jitter, a rectangle of up to 0.6 of the view erased."""
    view = View(size, area, "bilinear", jitter=0.0, blur=0.5, erase=0.5)
    return Views((view, view), LUPERSON_MEAN, LUPERSON_STD)


def _draw(
    view: View,
    image: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    planes: pixels.Planes,
    scale: pixels.Planes,
    shift: pixels.Planes,
) -> None:
    """Fills planes (3, H, W) with one view. As many numbers are drawn whatever happens."""
    top, left, height, width = cut(image.shape[:2], view, rng.random(22))
    chance, amount = rng.random(6), rng.uniform(-1, 1, 4).astype(np.float32)
    order, radius = rng.permutation(4), rng.uniform(*view.blur_radius)
    part = image[top : top + height, left : left + width].copy()
    pixels.to_planes(_resized(part, view), chance[0] < view.flip, planes)
    if chance[1] < view.jitter:
        strength = np.array([view.brightness, view.contrast, view.saturation, view.hue], np.float32)
        factors = amount * strength
        factors[:3] = np.maximum(factors[:3] + 1, 0)
        pixels.jitter(planes, order, factors)
    if chance[2] < view.grey:
        pixels.to_grey(planes)
    if chance[3] < view.blur:
        pixels.blur(planes, pixels.gaussian(radius))
    pixels.finish(planes, bool(chance[4] < view.solarize), scale, shift)
    if chance[5] < view.erase:
        _erase(planes, view, rng)


def cut(size: Size, view: View, draws: npt.NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Top, left, height and width of what is cut out of an image.

    Ten tries to find a rectangle of the drawn area and aspect that fits; then the largest in the middle whose aspect is
    allowed.

    Args:
        size: (height, width) of the image.
        view: its area and aspect.
        draws: (22,) in 0..1: area and aspect of each try, then the place.

    Source: the rule of torchvision's `RandomResizedCrop`.
    """
    height, width = size
    low, high = math.log(view.aspect[0]), math.log(view.aspect[1])
    for number in range(10):
        area = height * width * (view.area[0] + draws[2 * number] * (view.area[1] - view.area[0]))
        aspect = math.exp(low + draws[2 * number + 1] * (high - low))
        columns, rows = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < columns <= width and 0 < rows <= height:
            return int(draws[20] * (height - rows + 1)), int(draws[21] * (width - columns + 1)), rows, columns
    columns, rows = width, height
    if width / height < view.aspect[0]:
        rows = min(max(round(width / view.aspect[0]), 1), height)
    elif width / height > view.aspect[1]:
        columns = min(max(round(height * view.aspect[1]), 1), width)
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def _resized(image: npt.NDArray[np.uint8], view: View) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8, of the view's size."""
    if image.shape[:2] == view.size:
        return image
    channels_last = torch.from_numpy(image).permute(2, 0, 1)[None]
    resized = F.interpolate(channels_last, size=view.size, mode=view.interpolation, antialias=True, align_corners=False)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def _erase(planes: pixels.Planes, view: View, rng: np.random.Generator) -> None:
    """One rectangle becomes 0, the mean; unchanged where none of ten fits. Rule of torchvision's `RandomErasing`."""
    _, height, width = planes.shape
    for area, aspect, y, x in rng.random((10, 4)):
        pixels_wanted = height * width * (view.erase_area[0] + area * (view.erase_area[1] - view.erase_area[0]))
        ratio = math.exp(math.log(0.3) + aspect * (math.log(3.3) - math.log(0.3)))
        rows, columns = round(math.sqrt(pixels_wanted * ratio)), round(math.sqrt(pixels_wanted / ratio))
        if rows < height and columns < width:
            top, left = int(y * (height - rows + 1)), int(x * (width - columns + 1))
            planes[:, top : top + rows, left : left + columns] = 0
            return
