"""A trunk, a skirt or a coat: rings around the body's axis, with patterns in the garment's own coordinates.

A point of the garment has an azimuth phi (0 is the front's middle, +pi / 2 the person's right, pi the back) and a
height v (0 at the top ring, 1 at the bottom ring). On the picture it has an angle t: 0 nearest the camera, -pi / 2
the left outline, pi / 2 the right one.
"""

import math
from typing import NamedTuple

from resight.data.synthetic.canvas import NEUTRAL, Canvas, Flat
from resight.data.synthetic.palette import Colour
from resight.data.synthetic.view import View

_HALF = math.pi / 2.0


class Ring(NamedTuple):
    """An ellipse around the axis at height y, shifted forward by z; in body heights."""

    y: float
    z: float
    half_width: float
    half_depth: float


class Tube:
    """Rings seen from one side, top ring first.

    Args:
        rings: two or more.
        view: where the body is seen from.
    """

    def __init__(self, rings: list[Ring], view: View) -> None:
        cos, sin = view.cos, view.sin
        dip = math.sin(view.pitch)
        self._rings: list[tuple[float, float, float, float]] = []  # centre x, centre y, amplitude, dip; in pixels
        for ring in rings:
            grow = view.grow(ring.y)
            x, y = view.project((0.0, ring.y, ring.z))
            across = math.hypot(ring.half_width * cos, ring.half_depth * sin) * grow
            depth = math.hypot(ring.half_width * sin, ring.half_depth * cos) * grow
            self._rings.append((x, y, across, depth * dip))
        middle = rings[len(rings) // 2]
        # across = -w sin(phi) cos(yaw) + d cos(phi) sin(yaw) = A sin(turn - phi)
        self._turn = math.atan2(middle.half_depth * sin, middle.half_width * cos)
        top, bottom = rings[0].y, rings[-1].y
        self._heights = [(top - ring.y) / (top - bottom) for ring in rings]
        self._view = view

    def _row(self, v: float) -> tuple[float, float, float, float]:
        """The ring at height v (0..1), between two given ones."""
        heights, rings = self._heights, self._rings
        index = 0
        while index < len(heights) - 2 and v > heights[index + 1]:
            index += 1
        share = (v - heights[index]) / (heights[index + 1] - heights[index])
        x0, y0, a0, d0 = rings[index]
        x1, y1, a1, d1 = rings[index + 1]
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, a0 + (a1 - a0) * share, d0 + (d1 - d0) * share

    def patch(self, t0: float, t1: float, v0: float, v1: float) -> Flat:
        """Outline of the part between two picture angles and two heights."""
        rows = [self._row(v0)]
        rows += [ring for ring, height in zip(self._rings, self._heights, strict=True) if v0 < height < v1]
        rows.append(self._row(v1))
        sin0, cos0, sin1, cos1 = math.sin(t0), math.cos(t0), math.sin(t1), math.cos(t1)
        sin, cos = math.sin((t0 + t1) / 2.0), math.cos((t0 + t1) / 2.0)
        points: Flat = []
        for x, y, across, dip in rows:
            points += (x + across * sin0, y + dip * cos0)
        x, y, across, dip = rows[-1]
        points += (x + across * sin, y + dip * cos)
        for x, y, across, dip in reversed(rows):
            points += (x + across * sin1, y + dip * cos1)
        x, y, across, dip = rows[0]
        points += (x + across * sin, y + dip * cos)
        return points

    def band(self, v0: float, v1: float) -> Flat:
        """Outline of all that is seen between two heights."""
        return self.patch(-_HALF, _HALF, v0, v1)

    def strip(self, phi0: float, phi1: float, v0: float, v1: float) -> Flat:
        """Outline of what is seen of the garment between two azimuths and heights; empty when it faces away."""
        t0, t1 = self._turn - phi1, self._turn - phi0
        shift = 2.0 * math.pi * round((t0 + t1) / (4.0 * math.pi))
        t0, t1 = max(t0 - shift, -_HALF), min(t1 - shift, _HALF)
        return self.patch(t0, t1, v0, v1) if t1 - t0 > 0.02 else []

    def draw(self, canvas: Canvas, colour: Colour, level: int = NEUTRAL) -> None:
        """Draw the whole garment in one colour, with light that makes it round."""
        outline = self.band(0.0, 1.0)
        canvas.fill(outline, colour)
        view = self._view
        dark = int(level * (1.0 - 0.42 * view.contrast))
        canvas.tone(outline, dark)
        middle = 0.75 * view.light
        canvas.tone(self.patch(max(-1.25, middle - 0.8), min(1.25, middle + 0.8), 0.0, 1.0), level)
        bright = int(level * (1.0 + 0.16 * view.contrast))
        canvas.tone(self.patch(middle - 0.25, middle + 0.25, 0.05, 0.8), bright)
