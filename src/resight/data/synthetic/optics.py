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
    image = image.point(_gamma_table(camera.gamma))
    unit = image.height / 128.0
    blur = camera.blur * unit * between(rng, 0.7, 1.4)
    if chance(rng, camera.motion):
        image = image.filter(ImageFilter.BoxBlur((between(rng, 1.0, 2.6) * unit, 0.4 * unit)))
    elif blur > 0.45:
        image = image.filter(ImageFilter.BoxBlur(blur))
    share = min(1.0, camera.lines * between(rng, 0.8, 1.25) / image.height)
    if share > 0.92:
        return _add_noise(image, camera.noise, rng)
    size = (max(2, round(image.width * share)), max(4, round(image.height * share)))
    small = _add_noise(image.resize(size, Image.Resampling.BILINEAR), camera.noise, rng)
    return small.resize(image.size, Image.Resampling.BILINEAR)


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
def _gamma_table(gamma: float) -> list[int]:
    return [round(255.0 * (value / 255.0) ** gamma) for value in range(256)] * 3


@lru_cache(maxsize=64)
def _noise_sheet(sigma: float, height: int, width: int) -> NDArray[np.int16]:
    """Half-grey noise, drawn once: every crop cuts its own part."""
    rng = np.random.default_rng([height, width])
    grey = rng.normal(0.0, sigma * 0.8, (height, width, 1))
    return np.rint(grey + rng.normal(0.0, sigma * 0.6, (height, width, 3))).astype(np.int16)


def _add_noise(image: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    """Add one cut of the noise sheet; sigma in grey levels."""
    side = 64 * (1 + max(image.size) // 32)
    sheet = _noise_sheet(sigma, side, side)
    top, left = (int(value) for value in rng.integers(0, side // 2, 2))
    noise = sheet[top : top + image.height, left : left + image.width]
    noisy = np.asarray(image, dtype=np.int16) + noise
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
