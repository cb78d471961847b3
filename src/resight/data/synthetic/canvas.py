"""Where things are drawn: colours at twice the size, light and shadow on a layer of its own."""

import math
from typing import TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from resight.data.synthetic.palette import Colour

Flat: TypeAlias = list[float]  # x0, y0, x1, y1, ... in pixels of the finished crop

SUPERSAMPLING = 2
NEUTRAL = 165  # shade level that leaves a colour as it is; the range 0..255 is a factor 0..1.55
_ARC = [(math.cos(step * math.pi / 3.0), math.sin(step * math.pi / 3.0)) for step in range(4)]


class Canvas:
    """A crop in the making.

    Colours are drawn without light; `tone` draws levels of light on a second layer, blurred before the two are
    multiplied, which gives round limbs and soft shadows for the price of a few polygons.

    Args:
        background: RGB, `SUPERSAMPLING` times the crop's size; drawn on in place.
    """

    def __init__(self, background: Image.Image) -> None:
        self.width = background.width // SUPERSAMPLING
        self.height = background.height // SUPERSAMPLING
        self._colour = background
        self._shade = Image.new("L", (self.width, self.height), NEUTRAL)
        self._pen = ImageDraw.Draw(background)
        self._light = ImageDraw.Draw(self._shade)

    def fill(self, points: Flat, colour: Colour) -> None:
        """Draw a polygon's colour and leave the light as it is."""
        if len(points) >= 6:
            self._pen.polygon([value * SUPERSAMPLING for value in points], fill=colour)

    def tone(self, points: Flat, level: int) -> None:
        """Draw a polygon's light: `NEUTRAL` is none, less is darker; 0..255."""
        if len(points) >= 6:
            self._light.polygon(points, fill=level)

    def solid(self, points: Flat, colour: Colour, level: int = NEUTRAL) -> None:
        """Draw a polygon's colour and light."""
        self.fill(points, colour)
        self.tone(points, level)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: Colour, level: int = NEUTRAL) -> None:
        """Draw an ellipse's colour and light; centre and radii in pixels."""
        if rx > 0.0 and ry > 0.0:
            s = SUPERSAMPLING
            self._pen.ellipse((s * (x - rx), s * (y - ry), s * (x + rx), s * (y + ry)), fill=colour)
            self._light.ellipse((x - rx, y - ry, x + rx, y + ry), fill=level)

    def shadow(self, x: float, y: float, rx: float, ry: float, level: int) -> None:
        """Draw an ellipse of light only."""
        if rx > 0.0 and ry > 0.0:
            self._light.ellipse((x - rx, y - ry, x + rx, y + ry), fill=level)

    def line(self, points: Flat, colour: Colour, width: float) -> None:
        """Draw a line's colour, `width` pixels of the crop wide."""
        s = SUPERSAMPLING
        self._pen.line([value * s for value in points], fill=colour, width=max(1, round(width * s)))

    def flatten(self) -> Image.Image:
        """The crop so far: RGB at the finished size, too dark by the factor `NEUTRAL / 255`."""
        small = self._colour.reduce(SUPERSAMPLING)
        shade = self._shade.filter(ImageFilter.BoxBlur(self.height / 128.0))
        return ImageChops.multiply(small, Image.merge("RGB", (shade, shade, shade)))


def capsule(ax: float, ay: float, ar: float, bx: float, by: float, br: float) -> Flat:
    """Outline of a limb: from a circle at a (radius ar) to a circle at b (radius br), in pixels."""
    dx, dy = bx - ax, by - ay
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    # half a turn around b, then half a turn around a
    points: Flat = []
    for cos, sin in _ARC:
        points += (bx + br * (sin * ux - cos * uy), by + br * (sin * uy + cos * ux))
    for cos, sin in _ARC:
        points += (ax + ar * (cos * uy - sin * ux), ay - ar * (cos * ux + sin * uy))
    return points
