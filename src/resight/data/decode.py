"""From a file to an upright RGB image, whatever the file."""

import io
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from resight.errors import DataError

ImageSource = str | PathLike[str] | bytes | Image.Image | np.ndarray
Box = tuple[float, float, float, float]


def open_image(source: ImageSource, box: Box | None = None) -> Image.Image:
    """The image, upright and RGB, cut to the box.

    Grey, palette, CMYK, 16-bit and alpha images are converted (transparent pixels become black, 16-bit grey keeps its
    upper 8 bits); an EXIF rotation is applied.

    Args:
        source: path, encoded bytes, PIL image, or uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), RGB order.
        box: (x, y, width, height) in pixels of the upright image; cut at the image's edge.

    Raises:
        DataError: if the file is missing, is no image, is truncated, or the box lies outside. The message names it.
    """
    name = str(source) if isinstance(source, (str, PathLike)) else f"the given {type(source).__name__}"
    try:
        image = _upright_rgb(_open(source))
    except FileNotFoundError as error:
        raise DataError(f"image not found: {name}; check the path, and the folder that the manifest lies in") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"cannot read the image {name}: {error}; replace it or remove its row") from error
    return image if box is None else _cut(image, box, name)


def _open(source: ImageSource) -> Image.Image:
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source))
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim not in (2, 3):
            raise ValueError(f"expected a uint8 array (H, W) or (H, W, channels), got {source.dtype} {source.shape}")
        return Image.fromarray(source[:, :, 0] if source.ndim == 3 and source.shape[2] == 1 else source)
    return Image.open(Path(source))


def _upright_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode.startswith("I") or image.mode == "F":
        # 16-bit grey: PIL clips it to 255 on conversion, so scale it down first.
        values = np.asarray(image, dtype=np.float64)
        values = values / 257.0 if values.max(initial=0) > 255 else values
        return Image.fromarray(values.clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        opaque = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _cut(image: Image.Image, box: Box, name: str) -> Image.Image:
    left, top, width, height = box
    edges = (
        max(round(left), 0),
        max(round(top), 0),
        min(round(left + width), image.width),
        min(round(top + height), image.height),
    )
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise DataError(
            f"the box {box} (x, y, width, height) lies outside the image {name} of {image.width}x{image.height} pixels"
        )
    return image.crop(edges)
