"""Attention over a crop: a tiny transparent picture with one pixel for each patch, stretched by the page."""

import base64
import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Shares = npt.NDArray[np.floating]
Seen = npt.NDArray[np.bool_]

_AT: Final = np.array([0.0, 0.3, 0.6, 1.0])
_COLORS: Final = np.array(  # red, green, blue, opacity: from night over the crop itself to light
    [
        [6, 8, 26, 222],
        [10, 12, 40, 160],
        [120, 80, 60, 20],
        [255, 196, 64, 105],
    ]
)
_UNSEEN: Final = (132, 140, 152, 242)


def heat_rgba(shares: Shares, seen: Seen | None = None) -> npt.NDArray[np.uint8]:
    """(rows, columns, 4) colours with opacity.

    Args:
        shares: (rows, columns). Colours go from the smallest to the largest of those that are seen, by the square root.
        seen: (rows, columns), patches that were there at all; the others become grey. None: all.
    """
    values = np.asarray(shares, dtype=np.float64)
    counted = values if seen is None else values[seen]
    low, high = (float(counted.min()), float(counted.max())) if counted.size else (0.0, 0.0)
    values = np.sqrt(np.clip((values - low) / (high - low), 0, 1)) if high > low else np.full_like(values, 0.5)
    colors = np.stack([np.interp(values, _AT, _COLORS[:, channel]) for channel in range(4)], axis=-1)
    if seen is not None:
        colors[~seen] = _UNSEEN
    rgba: npt.NDArray[np.uint8] = colors.round().astype(np.uint8)
    return rgba


def heat_png(shares: Shares, seen: Seen | None = None) -> str:
    """The same as a base64 PNG."""
    return _png(heat_rgba(shares, seen))


def seen_png(seen: Seen) -> str:
    """Which patches a branch sees: blue or nearly nothing, (rows, columns) as a base64 PNG."""
    return _png(np.where(seen[..., None], (58, 134, 214, 255), (128, 136, 148, 60)).astype(np.uint8))


def _png(rgba: npt.NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(rgba, "RGBA").save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")
