"""From body coordinates to pixels, for a body seen at a yaw by a camera that looks down on it."""

import math
from dataclasses import dataclass

from resight.data.synthetic.body import Point3


@dataclass(frozen=True, slots=True)
class View:
    """How one body falls on the crop.

    Args:
        yaw: radians; 0 faces the camera, pi / 2 walks to the right of the picture, pi shows the back.
        pitch: radians the camera looks down.
        perspective: how much larger the head is drawn than the feet, as a fraction.
        roll: sideways shear, x per y.
        scale: pixels per body height.
        centre_x: pixel column of the feet.
        foot_y: pixel row of the feet.
        light: -1 (from the left of the picture) to 1 (from the right).
        contrast: 0 (flat light) to 1 (hard light).
    """

    yaw: float
    pitch: float
    perspective: float
    roll: float
    scale: float
    centre_x: float
    foot_y: float
    light: float
    contrast: float

    @property
    def cos(self) -> float:
        """Cosine of the yaw: 1 towards the camera, -1 away from it."""
        return math.cos(self.yaw)

    @property
    def sin(self) -> float:
        """Sine of the yaw: 1 to the right of the picture, -1 to the left."""
        return math.sin(self.yaw)

    def project(self, point: Point3) -> tuple[float, float]:
        """Pixel (x, y) of a point of the body."""
        x, y, z = point
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        across = z * sin - x * cos
        near = z * cos + x * sin
        up = y * math.cos(self.pitch) - near * math.sin(self.pitch)
        grow = self.scale * (1.0 + self.perspective * (up - 0.5))
        return self.centre_x + across * grow + self.roll * up * self.scale, self.foot_y - up * self.scale

    def depth(self, point: Point3) -> float:
        """How near the camera a point is, in body heights from the body's axis."""
        return point[2] * math.cos(self.yaw) + point[0] * math.sin(self.yaw)

    def grow(self, y: float) -> float:
        """Pixels per body height across the picture, at height y."""
        return self.scale * (1.0 + self.perspective * (y - 0.5))
