"""From body coordinates to pixels, for a body seen at a yaw by a camera that looks down on it."""

import math
from dataclasses import dataclass, field

from resight.data.synthetic.body import Point3


@dataclass(slots=True)
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

    cos: float = field(init=False)  # of the yaw: 1 towards the camera, -1 away from it
    sin: float = field(init=False)  # of the yaw: 1 to the right of the picture, -1 to the left
    _cos_pitch: float = field(init=False)
    _sin_pitch: float = field(init=False)

    def __post_init__(self) -> None:
        self.cos, self.sin = math.cos(self.yaw), math.sin(self.yaw)
        self._cos_pitch, self._sin_pitch = math.cos(self.pitch), math.sin(self.pitch)

    def project(self, point: Point3) -> tuple[float, float]:
        """Pixel (x, y) of a point of the body."""
        x, y, z = point
        across = z * self.sin - x * self.cos
        near = z * self.cos + x * self.sin
        up = y * self._cos_pitch - near * self._sin_pitch
        grow = self.scale * (1.0 + self.perspective * (up - 0.5))
        return self.centre_x + across * grow + self.roll * up * self.scale, self.foot_y - up * self.scale

    def grow(self, y: float) -> float:
        """Pixels per body height across the picture, at height y."""
        return self.scale * (1.0 + self.perspective * (y - 0.5))
