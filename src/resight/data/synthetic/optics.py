"""From the drawn crop to the camera's picture: light, colours, blur, resolution and noise."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from resight.data.synthetic.camera import Camera
from resight.data.synthetic.canvas import NEUTRAL
from resight.data.synthetic.chance import between, chance

_LUMA = (0.299, 0.587, 0.114)


def photograph(image: Image.Image, camera: Camera, rng: np.random.Generator) -> Image.Image:
    """Give a drawn crop the look of one camera.

    Args:
        image: RGB, as `Canvas.flatten` gives it.
        camera: the style.
        rng: draws what changes from shot to shot.

    Returns:
        A new RGB image of the same size.
    """
    image = image.convert("RGB", _colour_matrix(camera, between(rng, 0.86, 1.16)))
    share = min(1.0, camera.lines * between(rng, 0.8, 1.25) / image.height)
    small = image
    if share < 0.92:
        size = (max(2, round(image.width * share)), max(4, round(image.height * share)))
        small = image.resize(size, Image.Resampling.BILINEAR)
    unit = small.height / 128.0
    blur = camera.blur * unit * between(rng, 0.7, 1.4)
    if chance(rng, camera.motion):
        small = small.filter(ImageFilter.BoxBlur((between(rng, 1.0, 2.6) * unit, 0.4 * unit)))
    elif blur > 0.2:
        small = small.filter(ImageFilter.BoxBlur(blur))
    small = _expose(small, camera, 64 * (2 + max(image.size) // 64), rng)
    return small if small.size == image.size else small.resize(image.size, Image.Resampling.BILINEAR)


def _colour_matrix(camera: Camera, exposure: float) -> tuple[float, ...]:
    """Saturation, gains, exposure and haze as the 3 x 4 matrix that `Image.convert` takes."""
    values: list[float] = []
    light = camera.exposure * exposure * 255.0 / NEUTRAL * (1.0 - camera.haze / 255.0)
    for row, gain in enumerate(camera.gains):
        for column, luma in enumerate(_LUMA):
            own = camera.saturation if row == column else 0.0
            values.append(light * gain * (luma * (1.0 - camera.saturation) + own))
        values.append(camera.haze)
    return tuple(values)


@lru_cache(maxsize=256)
def _gamma_table(gamma: float) -> bytes:
    return bytes(round(255.0 * (value / 255.0) ** gamma) for value in range(256))


@lru_cache(maxsize=64)
def _noise_sheet(sigma: float, side: int) -> NDArray[np.int16]:
    """Half-grey noise, (side, side, 3), drawn once: every crop cuts its own part."""
    rng = np.random.default_rng(side)
    grey = rng.normal(0.0, sigma * 0.8, (side, side, 1))
    return np.rint(grey + rng.normal(0.0, sigma * 0.6, (side, side, 3))).astype(np.int16)


def _expose(image: Image.Image, camera: Camera, side: int, rng: np.random.Generator) -> Image.Image:
    """Apply the camera's gamma and one cut of its noise sheet, `side` pixels wide."""
    sheet = _noise_sheet(camera.noise, side)
    top = int(rng.random() * (side - image.height + 1))
    left = int(rng.random() * (side - image.width + 1))
    exposed = image.tobytes().translate(_gamma_table(camera.gamma))  # many times faster than a numpy look-up
    pixels = np.frombuffer(exposed, dtype=np.uint8).reshape(image.height, image.width, 3)
    noisy = pixels + sheet[top : top + image.height, left : left + image.width]
    np.clip(noisy, 0, 255, out=noisy)
    return Image.fromarray(noisy.astype(np.uint8))
