"""How good an image is by itself: its size, its shape and how sharp it is, from the pixels that are decoded anyway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from resight.filtering.feature_space import FeatureSpace
from resight.filtering.scorer import PixelMeasure, ScoreBatch, Values

Pixels = npt.NDArray[np.uint8]
Facts = npt.NDArray[np.floating]

WIDTH: Final = "width"
HEIGHT: Final = "height"
ASPECT: Final = "aspect"
SHARPNESS: Final = "sharpness"

_LARGEST_SIDE = 128  # of the shorter side: what a net sees of a larger crop has no finer detail
_RED, _GREEN, _BLUE = np.uint16(77), np.uint16(150), np.uint16(29)  # in grey, in parts of 256 (BT.601); fit 16 bits


def width(pixels: Pixels) -> float:
    """Pixels across, of (H, W, 3)."""
    return float(pixels.shape[1])


def height(pixels: Pixels) -> float:
    """Pixels down, of (H, W, 3)."""
    return float(pixels.shape[0])


def sharpness(pixels: Pixels) -> float:
    """Variance of the Laplacian of the grey values: small where an image is blurred, or flat.

    An image whose shorter side has 256 pixels or more is shrunk by a whole number first, so that a large crop is judged
    by the detail that a net sees of it.

    Args:
        pixels: (H, W, 3) uint8, RGB.

    Returns:
        In squared grey values (0..255); 0 for an image with a side below 3 pixels.
    """
    if min(pixels.shape[:2]) < 3:
        return 0.0
    red, green, blue = (pixels[:, :, channel].astype(np.uint16) for channel in range(3))
    grey = _shrunk((red * _RED + green * _GREEN + blue * _BLUE) >> 8)
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var())


def _shrunk(grey: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Means over squares of a whole number of pixels, so that the shorter side has less than 256."""
    factor = min(grey.shape) // _LARGEST_SIDE
    if factor < 2:
        return grey.astype(np.float32)
    rows, columns = (side // factor for side in grey.shape)
    squares = grey[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    means: npt.NDArray[np.float32] = squares.mean(axis=(1, 3), dtype=np.float32)
    return means


@dataclass(frozen=True)
class ImageQuality:
    """A scorer: width and height in pixels, aspect (height / width) and sharpness, see `sharpness`."""

    columns: tuple[str, ...] = (WIDTH, HEIGHT, ASPECT, SHARPNESS)
    spaces: tuple[FeatureSpace, ...] = ()

    @property
    def measures(self) -> Mapping[str, PixelMeasure]:
        return {WIDTH: width, HEIGHT: height, SHARPNESS: sharpness}

    @property
    def about(self) -> Mapping[str, Any]:
        return {"sharpness": f"variance of the Laplacian, shorter side below {2 * _LARGEST_SIDE}"}

    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        measured = {name: batch.measured[name] for name in self.measures}
        return {**measured, ASPECT: measured[HEIGHT] / measured[WIDTH]}


@dataclass(frozen=True)
class QualityLimits:
    """What an image has to fulfil; None: anything.

    min_width, min_height: pixels. aspect: lowest and highest height / width. min_sharpness: see `sharpness`; it depends
    on the cameras, so look at the page first.

    Raises:
        ValueError: if the lowest aspect is not positive or above the highest.
    """

    min_width: float | None = None
    min_height: float | None = None
    aspect: tuple[float, float] | None = None
    min_sharpness: float | None = None

    def __post_init__(self) -> None:
        if self.aspect is not None and not 0 < self.aspect[0] <= self.aspect[1]:
            raise ValueError(
                f"aspect: expected the lowest and the highest height / width, such as 1.5 and 3, came {self.aspect}"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that `passes` has to be given."""
        wanted = {
            WIDTH: self.min_width,
            HEIGHT: self.min_height,
            ASPECT: self.aspect,
            SHARPNESS: self.min_sharpness,
        }
        return tuple(name for name, limit in wanted.items() if limit is not None)

    def passes(self, facts: Mapping[str, Facts]) -> npt.NDArray[np.bool_]:
        """Which images fulfil all of it, (N,); a value that is NaN, as of a damaged image, fulfils nothing.

        Args:
            facts: the columns of `needs`, (N,) each.

        Raises:
            ValueError: if nothing is asked for.
        """
        if not self.needs:
            raise ValueError("passes: these limits ask for nothing; give one of min_width, min_height, aspect, ...")
        lowest = {WIDTH: self.min_width, HEIGHT: self.min_height, SHARPNESS: self.min_sharpness}
        fulfilled = [facts[name] >= limit for name, limit in lowest.items() if limit is not None]
        if self.aspect is not None:
            fulfilled += [facts[ASPECT] >= self.aspect[0], facts[ASPECT] <= self.aspect[1]]
        passed: npt.NDArray[np.bool_] = np.logical_and.reduce(fulfilled)
        return passed
