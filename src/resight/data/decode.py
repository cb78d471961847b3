"""From a file to an upright RGB image, whatever the file."""

import io
import math
import struct
import zlib
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from resight.data.image_files import is_inside, read_image
from resight.data.turbo_jpeg import turbo_pixels
from resight.errors import DataError

ImageSource = str | PathLike[str] | bytes | Image.Image | np.ndarray
Box = tuple[float, float, float, float]
Decoder = Literal["pillow", "turbo"]

# What Pillow's decoders raise on damaged files, found by feeding them some.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    RuntimeError,
    SyntaxError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def open_image(source: ImageSource, box: Box | None = None) -> Image.Image:
    """The image, upright and RGB, cut to the box.

    Grey, palette, CMYK, 16-bit and alpha images are converted: transparent pixels become black, 16-bit grey is scaled
    to 8 bits, and so is 32-bit grey that exceeds 255. An EXIF rotation is applied. The source stays as it is.

    Args:
        source: path (also one into an LMDB or a tar, see `resight.data.image_files`), encoded bytes, PIL image, or
            uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), RGB order.
        box: (x, y, width, height) in pixels of the upright image, rounded to whole ones; cut at the image's edge.

    Raises:
        DataError: if the file is missing, is no image, is truncated or empty, or the box lies outside. The message
            names it.
        TypeError: if the source is something else.
    """
    is_path, name = isinstance(source, (str, PathLike)), _name(source)
    if not is_path and not isinstance(source, (bytes, Image.Image, np.ndarray)):
        raise TypeError(f"an image is a path, bytes, a PIL image or a uint8 array, not a {type(source).__name__}")
    try:
        image = _decode(source)
    except FileNotFoundError as error:
        raise DataError(f"image not found: {name}; check the path, and the folder that the manifest lies in") from error
    except _UNREADABLE as error:
        hint = "; replace it or remove its row" if is_path else ""
        raise DataError(f"cannot read the image {name}: {error}{hint}") from error
    return image if box is None else image.crop(_edges(box, *image.size, name))


def open_pixels(source: ImageSource, box: Box | None = None, decoder: Decoder = "pillow") -> np.ndarray:
    """`open_image` as an array (H, W, 3) uint8, which may be read-only.

    Args:
        source: see `open_image`.
        box: likewise.
        decoder: `turbo` reads plain JPEG files in half the time, with equal pixels; see `resight.data.turbo_jpeg`.

    Raises:
        DataError: see `open_image`.
        MissingExtraError: for `turbo` without the extra `fast`.
    """
    pixels = None
    if decoder == "turbo" and isinstance(source, (str, PathLike, bytes)):
        pixels = turbo_pixels(source)
    if pixels is None:
        return np.asarray(open_image(source, box))
    if box is None:
        return pixels
    left, top, right, bottom = _edges(box, pixels.shape[1], pixels.shape[0], _name(source))
    return pixels[top:bottom, left:right]


def _name(source: ImageSource) -> str:
    return str(source) if isinstance(source, (str, PathLike)) else f"given as {type(source).__name__}"


def _decode(source: ImageSource) -> Image.Image:
    if isinstance(source, Image.Image):
        image = _upright_rgb(source)
    elif isinstance(source, np.ndarray):
        image = _upright_rgb(_from_array(source))
    else:
        # Closed here: Pillow keeps files with several frames open.
        with Image.open(_file(source)) as opened:
            image = _upright_rgb(opened, is_ours=True)
    if 0 in image.size:
        raise ValueError(f"it has no pixels ({image.width}x{image.height})")
    return image


def _file(source: str | PathLike[str] | bytes) -> io.BytesIO | Path:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return io.BytesIO(read_image(source)) if is_inside(source) else Path(source)


def _from_array(array: np.ndarray) -> Image.Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ValueError(
            f"expected a uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {array.dtype} {array.shape}"
        )
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and channels == 1 else array)


def _upright_rgb(image: Image.Image, *, is_ours: bool = False) -> Image.Image:
    """A copy; or the image itself where it is ours alone, since copies take as long as a tenth of the decoding."""
    if is_ours:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    else:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_grey(image)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")
    return image if is_ours and image.mode == "RGB" else image.convert("RGB")


def _scaled_grey(image: Image.Image) -> Image.Image:
    """RGB from 16 or 32 bits per pixel, which Pillow would clip at 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    if image.mode.startswith("I;16") or values.max(initial=0) > 255:
        values = values / 257  # 65535 becomes 255
    return Image.fromarray(values.clip(0, 255).round().astype(np.uint8)).convert("RGB")


def _edges(box: Box, image_width: int, image_height: int, name: str) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box, in whole pixels inside the image."""
    left, top, width, height = box
    if not all(math.isfinite(value) for value in box):
        raise DataError(f"the box {box} (x, y, width, height) of the image {name} is not finite")
    edges = (
        max(round(left), 0),
        max(round(top), 0),
        min(round(left + width), image_width),
        min(round(top + height), image_height),
    )
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise DataError(
            f"the box {box} (x, y, width, height) is empty or lies outside the image {name} of "
            f"{image_width}x{image_height} pixels (width x height)"
        )
    return edges
