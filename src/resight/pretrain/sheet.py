"""A picture of what the net sees: images of the pool and the views that are made of them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from resight.data.pool import Pool
from resight.errors import DataError
from resight.files import whole_file
from resight.pretrain.views import Views

_GAP = 4  # pixels
_TRIED = 1000  # images, so that a pool with a damaged shard has a sheet too
_BACKGROUND = 255


def write_sheet(pool: Pool, views: Views, path: Path, *, seed: int, count: int = 8) -> None:
    """Writes a PNG: in each row an image, then its views.

    Args:
        pool: the images; those that cannot be read are passed over.
        views: what is made of each.
        path: of the picture.
        seed: of the choice and of the views.
        count: images.

    Raises:
        DataError: if none of a thousand images can be read.
    """
    rng = np.random.default_rng(seed)
    rows: list[list[npt.NDArray[np.uint8]]] = []
    error: DataError | None = None
    for row in rng.choice(len(pool), min(len(pool), _TRIED), replace=False):
        try:
            rows.append(_pictures(pool.pixels(int(row)), views, seed=int(rng.integers(2**31))))
        except DataError as problem:
            error = problem
        if len(rows) == count:
            break
    if not rows:
        raise error or DataError("the pool holds no image")
    with whole_file(path) as temporary:
        Image.fromarray(_joined(rows)).save(temporary, format="PNG")


def _pictures(image: npt.NDArray[np.uint8], views: Views, *, seed: int) -> list[npt.NDArray[np.uint8]]:
    """The image, as high as its first view, and the views."""
    height = views.views[0].size[0]
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    first = np.asarray(Image.fromarray(image).resize((min(width, 2 * height), height), Image.Resampling.BICUBIC))
    mean, std = (np.asarray(values)[:, None, None] for values in (views.mean, views.std))
    pictures = [first]
    for group in views(image, seed):
        for view in group.numpy():
            pixels = np.clip((view * std + mean) * 255, 0, 255)
            pictures.append(pixels.astype(np.uint8).transpose(1, 2, 0))
    return pictures


def _joined(rows: list[list[npt.NDArray[np.uint8]]]) -> npt.NDArray[np.uint8]:
    """One picture; what stands below each other is as wide as the widest of it."""
    widths = [max(picture.shape[1] for picture in column) for column in zip(*rows, strict=True)]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    sheet = np.full((sum(heights) + _GAP * (len(rows) + 1), sum(widths) + _GAP * (len(widths) + 1), 3), _BACKGROUND)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for picture, width in zip(row, widths, strict=True):
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += width + _GAP
        top += height + _GAP
    return sheet.astype(np.uint8)
