"""What happens to the colours of a view, compiled: planes of float32 0..255 in, the same planes changed.

numba, because torch and Pillow spend more time on starting twenty small operations than on the pixels.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Planes = npt.NDArray[np.float32]
"""(3, height, width), contiguous."""

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
_RED, _GREEN, _BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)  # ITU-R 601, as Pillow's grey
_TOP = np.float32(255)


@njit(cache=True, nogil=True, fastmath=True)
def to_planes(image: npt.NDArray[np.uint8], flip: bool, planes: Planes) -> None:
    """Fills planes from an image (height, width, 3) uint8, mirrored or not."""
    height, width = image.shape[:2]
    for y in range(height):
        for x in range(width):
            source = width - 1 - x if flip else x
            for channel in range(3):
                planes[channel, y, x] = image[y, source, channel]


@njit(cache=True, nogil=True, fastmath=True)
def jitter(planes: Planes, order: npt.NDArray[np.int64], factors: npt.NDArray[np.float32]) -> None:
    """Brightness, contrast, saturation and hue, in an order that is given; each result is cut to 0..255.

    Args:
        planes: changed in place.
        order: the four, by their numbers.
        factors: by those numbers; hue is a shift in turns, the others multiply.
    """
    red, green, blue = planes[0].ravel(), planes[1].ravel(), planes[2].ravel()
    count = red.size
    for which in order:
        factor = factors[which]
        if which == HUE:
            _turn(red, green, blue, factor)
            continue
        if which == BRIGHTNESS:
            for place in range(count):
                red[place] = min(red[place] * factor, _TOP)
                green[place] = min(green[place] * factor, _TOP)
                blue[place] = min(blue[place] * factor, _TOP)
            continue
        rest = np.float32(1) - factor
        mean = np.float32(0)
        if which == CONTRAST:
            for place in range(count):
                mean += _RED * red[place] + _GREEN * green[place] + _BLUE * blue[place]
            mean /= np.float32(count)
        for place in range(count):
            grey = mean
            if which == SATURATION:
                grey = _RED * red[place] + _GREEN * green[place] + _BLUE * blue[place]
            red[place] = min(max(factor * red[place] + rest * grey, np.float32(0)), _TOP)
            green[place] = min(max(factor * green[place] + rest * grey, np.float32(0)), _TOP)
            blue[place] = min(max(factor * blue[place] + rest * grey, np.float32(0)), _TOP)


@njit(cache=True, nogil=True, fastmath=True)
def _turn(red: Planes, green: Planes, blue: Planes, shift: np.float32) -> None:
    """Turns the hue of HSV by a share of the circle; value and saturation stay."""
    six, one, zero = np.float32(6), np.float32(1), np.float32(0)
    for place in range(red.size):
        r, g, b = red[place], green[place], blue[place]
        top = max(r, max(g, b))
        chroma = top - min(r, min(g, b))
        inverse = one / max(chroma, np.float32(1e-6))
        # Where on the circle of 6: from the two colours that are not the largest.
        hue = (g - b) * inverse
        hue = np.float32(2) + (b - r) * inverse if g == top else hue
        hue = np.float32(4) + (r - g) * inverse if (b == top and g != top) else hue
        hue = zero if (r == g and g == b) else hue
        hue += six * shift + six
        for channel in range(3):
            k = hue + np.float32(5 - 2 * channel)
            k = k - six * np.floor(k / six)
            value = top - chroma * max(zero, min(min(k, np.float32(4) - k), one))
            if channel == 0:
                red[place] = value
            elif channel == 1:
                green[place] = value
            else:
                blue[place] = value


@njit(cache=True, nogil=True, fastmath=True)
def to_grey(planes: Planes) -> None:
    """All three planes become the grey one."""
    red, green, blue = planes[0].ravel(), planes[1].ravel(), planes[2].ravel()
    for place in range(red.size):
        grey = _RED * red[place] + _GREEN * green[place] + _BLUE * blue[place]
        red[place] = grey
        green[place] = grey
        blue[place] = grey


@njit(cache=True, nogil=True, fastmath=True)
def blur(planes: Planes, weights: npt.NDArray[np.float32]) -> None:
    """A separable symmetric filter; the edge goes on outside.

    Args:
        planes: changed in place.
        weights: (1 + radius,): of the middle, then outwards.
    """
    channels, height, width = planes.shape
    radius = weights.size - 1
    line = np.empty(width + 2 * radius, np.float32)
    rows = np.empty((height, width), np.float32)
    for channel in range(channels):
        plane = planes[channel]
        for y in range(height):
            line[:radius] = plane[y, 0]
            line[radius : radius + width] = plane[y]
            line[radius + width :] = plane[y, width - 1]
            row = rows[y]
            for x in range(width):
                row[x] = weights[0] * line[radius + x]
            for step in range(1, radius + 1):
                weight = weights[step]
                for x in range(width):
                    row[x] += weight * (line[radius + x - step] + line[radius + x + step])
        for y in range(height):
            row = plane[y]
            for x in range(width):
                row[x] = weights[0] * rows[y, x]
            for step in range(1, radius + 1):
                weight = weights[step]
                above, below = rows[max(y - step, 0)], rows[min(y + step, height - 1)]
                for x in range(width):
                    row[x] += weight * (above[x] + below[x])


@njit(cache=True, nogil=True, fastmath=True)
def finish(planes: Planes, solarizes: bool, scale: Planes, shift: Planes) -> None:
    """Turns values from 128 on round where asked to, then value * scale + shift, by channel (3,)."""
    for channel in range(3):
        plane = planes[channel].ravel()
        factor, offset = scale[channel], shift[channel]
        for place in range(plane.size):
            value = plane[place]
            if solarizes and value >= np.float32(128):
                value = _TOP - value
            plane[place] = value * factor + offset


def gaussian(radius: float) -> npt.NDArray[np.float32]:
    """(1 + n,): half a Gaussian filter of that standard deviation in pixels, cut at three of them; it sums to 1."""
    places = np.arange(max(int(3 * radius + 0.5), 1) + 1)
    weights = np.exp(-0.5 * (places / radius) ** 2)
    half: npt.NDArray[np.float32] = (weights / (2 * weights.sum() - weights[0])).astype(np.float32)
    return half
