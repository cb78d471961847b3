"""Loops over the pixels of one image. Importing this imports numba: `resight.data.transforms` does so when needed.

Source of the resampling: Pillow's, whose weights and rounding it follows to the bit; written from its description.
"""

import math
from typing import Any

import numba
import numpy as np

from resight.functional.compiled import compiled_for

_BITS = 22  # of a weight behind its point: 8 bits of a pixel, 2 of overshoot and these make 32
_pixels_in = numba.types.Array(numba.uint8, 3, "C", readonly=True)
_rows_in = numba.types.Array(numba.uint8, 2, "C", readonly=True)
_rows_out = numba.uint8[:, ::1]
_numbers = numba.int32[::1]
_table = numba.int32[:, ::1]
_tuple: Any = numba.types.Tuple
_three = _tuple((_numbers, _numbers, _table))


@compiled_for(numba.float64(numba.float64, numba.boolean))
def _filter(distance: float, is_cubic: bool) -> float:
    """Weight of a pixel by its distance: a triangle of radius 1, or Keys' cubic with a = -1/2 of radius 2."""
    x = abs(distance)
    if not is_cubic:
        return 1.0 - x if x < 1.0 else 0.0
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5 if x < 2.0 else 0.0


@compiled_for(_three(numba.int64, numba.int64, numba.boolean))
def _weights(size: int, new_size: int, is_cubic: bool) -> Any:
    """For each place of one axis: first source pixel, how many, and their weights, times 2 ** _BITS."""
    scale = size / new_size
    stretch = max(scale, 1.0)  # the filter grows where the image shrinks: that is the antialiasing
    radius = (2.0 if is_cubic else 1.0) * stretch
    first = np.empty(new_size, np.int32)
    count = np.empty(new_size, np.int32)
    weights = np.zeros((new_size, math.ceil(radius) * 2 + 1), np.int32)
    values = np.empty(weights.shape[1])
    for place in range(new_size):
        center = (place + 0.5) * scale
        low = max(int(center - radius + 0.5), 0)
        high = min(int(center + radius + 0.5), size)
        total = 0.0
        for i in range(low, high):
            values[i - low] = _filter((i - center + 0.5) * (1.0 / stretch), is_cubic)
            total += values[i - low]
        first[place] = low
        count[place] = high - low
        for i in range(high - low):
            value = values[i] / total * (1 << _BITS)
            weights[place, i] = np.int32(value - 0.5) if value < 0 else np.int32(value + 0.5)
    return first, count, weights


@compiled_for(numba.void(_rows_in, _numbers, _numbers, _table, _rows_out))
def _mix_rows(source: Any, first: Any, count: Any, weights: Any, result: Any) -> None:
    """Each row of the result: a weighted sum of some rows of the source, rounded, in whole numbers throughout."""
    width = source.shape[1]
    sums = np.empty(width, np.int32)
    for place in range(result.shape[0]):
        for x in range(width):
            sums[x] = np.int32(1 << (_BITS - 1))
        for i in range(count[place]):
            weight = weights[place, i]
            row = source[first[place] + i]
            for x in range(width):
                sums[x] = np.int32(sums[x] + np.int32(weight * np.int32(row[x])))
        mixed = result[place]
        for x in range(width):
            value = np.int32(sums[x] >> _BITS)
            mixed[x] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))


@compiled_for(numba.uint8[:, ::1](_pixels_in))
def _columns(pixels: Any) -> Any:
    """(W, 3 * H): the columns of (H, W, 3) as rows, red, then green, then blue."""
    height, width, _ = pixels.shape
    columns = np.empty((width, 3 * height), np.uint8)
    for x in range(width):
        column = columns[x]
        for y in range(height):
            column[y] = pixels[y, x, 0]
            column[height + y] = pixels[y, x, 1]
            column[2 * height + y] = pixels[y, x, 2]
    return columns


@compiled_for(numba.uint8[:, :, ::1](_pixels_in, numba.int64, numba.int64, numba.boolean))
def resample(pixels: Any, height: int, width: int, is_cubic: bool) -> Any:
    """(3, height, width) from (H, W, 3). Either axis is mixed as rows, so that the inner loop runs along memory."""
    old_height, old_width, _ = pixels.shape
    across = _weights(old_width, width, is_cubic)
    down = _weights(old_height, height, is_cubic)
    result = np.empty((3, height, width), np.uint8)
    if old_height - height > max(2 * (old_width - width), 0):  # Pillow's rule, from its version 13 on
        rows = np.empty((height, 3 * old_width), np.uint8)
        _mix_rows(pixels.reshape(old_height, 3 * old_width), down[0], down[1], down[2], rows)
        columns = _columns(rows.reshape(height, old_width, 3))
        mixed = np.empty((width, 3 * height), np.uint8)
        _mix_rows(columns, across[0], across[1], across[2], mixed)
        for channel in range(3):
            for y in range(height):
                for x in range(width):
                    result[channel, y, x] = mixed[x, channel * height + y]
        return result
    columns = _columns(pixels)
    mixed = np.empty((width, 3 * old_height), np.uint8)
    _mix_rows(columns, across[0], across[1], across[2], mixed)
    plane = np.empty((old_height, width), np.uint8)
    for channel in range(3):
        for x in range(width):
            for y in range(old_height):
                plane[y, x] = mixed[x, channel * old_height + y]
        _mix_rows(plane, down[0], down[1], down[2], result[channel])
    return result


_channels = numba.float32[::1]
_image_out = numba.float32[:, :, ::1]


@compiled_for(numba.void(_pixels_in, _channels, _channels, numba.boolean, numba.int64, numba.int64, _image_out))
def normalize_moved(image: Any, mean: Any, std: Any, is_flipped: bool, down: int, right: int, result: Any) -> None:
    """(value / 255 - mean) / std of the image, mirrored or not, then moved over black, in one go."""
    channels, height, width = image.shape
    first, last = max(-right, 0), min(width - right, width)  # columns that stay inside
    line = np.empty(width, np.uint8)
    for channel in range(channels):
        center, spread = mean[channel], std[channel]
        black = np.divide(np.float32(0) - center, spread)
        for y in range(height):
            target = result[channel, y]
            if not 0 <= y - down < height:
                target[:] = black
                continue
            row = image[channel, y - down]
            if is_flipped:
                for x in range(width):
                    line[x] = row[np.uint64(width - 1 - x)]  # an unsigned place is not checked for being negative
            else:
                line[:] = row
            target[: first + right] = black
            target[last + right :] = black
            kept, values = line[first:last], target[first + right : last + right]
            for x in range(len(kept)):  # np.divide, since a checked division is not vectorised
                values[x] = np.divide(np.divide(np.float32(kept[x]), np.float32(255)) - center, spread)
