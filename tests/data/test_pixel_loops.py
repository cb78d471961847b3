import numpy as np
import PIL
import pytest
from PIL import Image

from resight.data.pixel_loops import resample

FILTERS = {False: Image.Resampling.BILINEAR, True: Image.Resampling.BICUBIC}
HAS_NEW_ORDER = int(PIL.__version__.partition(".")[0]) >= 13


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_pillow(pixels: np.ndarray, height: int, width: int, is_cubic: bool) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), FILTERS[is_cubic])).transpose(2, 0, 1)


def height_comes_first(old_height: int, old_width: int, height: int, width: int) -> bool:
    return old_height - height > max(2 * (old_width - width), 0)


@pytest.mark.parametrize("is_cubic", [False, True])
def test_the_pixels_are_those_of_pillow(is_cubic: bool) -> None:
    chance = np.random.default_rng(1)
    orders = set()
    for seed in range(200):
        (old_height, old_width), (height, width) = chance.integers(1, 90, 2), chance.integers(1, 70, 2)
        is_new = height_comes_first(old_height, old_width, height, width)
        if is_new and not HAS_NEW_ORDER:
            continue
        orders.add(is_new)
        pixels = noise(old_height, old_width, seed)
        ours, theirs = resample(pixels, height, width, is_cubic), by_pillow(pixels, height, width, is_cubic)
        assert np.array_equal(ours, theirs), (old_height, old_width, height, width)
    assert orders == ({False, True} if HAS_NEW_ORDER else {False})


@pytest.mark.skipif(not HAS_NEW_ORDER, reason="Pillow 13 changed the order of the two passes")
@pytest.mark.parametrize("old", [(60, 50), (61, 50), (59, 50), (41, 20), (40, 20), (39, 20)])
def test_which_axis_comes_first_is_decided_as_in_pillow(old: tuple[int, int]) -> None:
    """(60, 50) to (40, 40) loses twice as many rows as columns, which is where the order changes."""
    pixels = noise(*old)
    assert np.array_equal(resample(pixels, 40, 40, True), by_pillow(pixels, 40, 40, True))


def test_a_read_only_image_will_do_and_stays_as_it_is() -> None:
    pixels = noise(20, 10)
    before = pixels.copy()
    pixels.flags.writeable = False
    assert resample(pixels, 16, 8, True).shape == (3, 16, 8)
    assert np.array_equal(pixels, before)
