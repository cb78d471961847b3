"""Plain JPEG files, decoded by libjpeg-turbo without Pillow in between: the same pixels in half the time.

Pillow's own wheels decode with libjpeg-turbo too, so the pixels are equal; a Pillow that was built with another library
may differ by a few levels. What is not plain (grey, CMYK, perhaps turned, damaged, enormous) is left to Pillow, so that
every file gives the image or the error that it gives there.
"""

from os import PathLike

import numpy as np
from PIL import Image

from resight._optional import require
from resight.data.image_files import read_image

_MAY_BE_TURNED = (b"Exif\0\0", b"http://ns.adobe.com/xap/")  # what stands before a rotation, if there is one


def require_turbo() -> None:
    """Checks that the package is there, before workers start.

    Raises:
        MissingExtraError: if not.
    """
    require("simplejpeg", extra="fast")


def turbo_pixels(source: str | PathLike[str] | bytes) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB, from a path or encoded bytes; None for what Pillow has to look at.

    Raises:
        MissingExtraError: without the package `simplejpeg`.
    """
    simplejpeg = require("simplejpeg", extra="fast")
    try:
        data = source if isinstance(source, bytes) else read_image(source)
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        limit = Image.MAX_IMAGE_PIXELS
        if colours != "YCbCr" or (limit is not None and height * width > limit):
            return None
        if any(mark in data for mark in _MAY_BE_TURNED):
            return None
        pixels: np.ndarray = simplejpeg.decode_jpeg(data)
    except (OSError, ValueError):  # Pillow finds the words
        return None
    return pixels
