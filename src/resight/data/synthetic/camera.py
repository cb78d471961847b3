"""One camera: where it looks from, what it sees, and what its lens and sensor do to colours."""

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from resight.data.synthetic.chance import between, chance, pick
from resight.data.synthetic.palette import Colour, upper_colour

SceneKind: TypeAlias = Literal["street", "plaza", "lawn", "corridor", "shops", "carpark"]
OccluderKind: TypeAlias = Literal["pole", "bush", "railing", "car", "board", "person", "box", "umbrella"]

SCENES: tuple[SceneKind, ...] = ("street", "plaza", "lawn", "corridor", "shops", "carpark")
_STANDING: tuple[OccluderKind, ...] = ("pole", "bush", "railing", "car", "board")
_MOVING: tuple[OccluderKind, ...] = ("person", "person", "person", "box", "umbrella")
SEQUENCES = 3


@dataclass(frozen=True, slots=True)
class Camera:
    """The style of one camera; hashable and immutable.

    Args:
        heading: radians; the yaw most people show it (0 is the front, pi the back).
        two_way: share of the people who walk the other way, 0..1.
        heading_spread: radians, standard deviation around the two headings.
        pitch: radians it looks down.
        perspective: how much larger heads are drawn than feet, a fraction.
        gains: factors on red, green and blue.
        saturation: factor; 0 is grey.
        exposure: factor on linear light.
        gamma: exponent after it; above 1 is darker.
        haze: grey levels added to black, 0..255.
        blur: standard deviation in pixels of a crop 128 high.
        motion: probability of motion blur.
        lines: sensor rows on a person, at most.
        noise: standard deviation in grey levels.
        jpeg_quality: 1..95, of the files.
        light: -1 (light from the left) to 1; `contrast` is 0 (flat) to 1 (hard).
        contrast: see `light`.
        scene: kind of background; `scene_seed` tells two of a kind apart.
        scene_seed: see `scene`.
        occluders: kinds of things that stand or pass in front; repeated kinds are more likely.
        occluder_colour: colour of the standing ones.
        occlusion: probability of one in front of a person.
        crowd: probability of a person in the background.
        half_shade: probability of a shadow's edge on the person.
        jitter: size of the errors of the detector's box, as a factor.
        cut: probability of a box that cuts feet, head or a side off.
    """

    heading: float
    two_way: float
    heading_spread: float
    pitch: float
    perspective: float
    gains: tuple[float, float, float]
    saturation: float
    exposure: float
    gamma: float
    haze: float
    blur: float
    motion: float
    lines: float
    noise: float
    jpeg_quality: int
    light: float
    contrast: float
    scene: SceneKind
    scene_seed: int
    occluders: tuple[OccluderKind, ...]
    occluder_colour: Colour
    occlusion: float
    crowd: float
    half_shade: float
    jitter: float
    cut: float

    def in_sequence(self, sequence: int) -> "Camera":
        """The same camera at another time of the day: other exposure and warmth, the same place.

        Args:
            sequence: 1 gives the camera itself.

        Returns:
            A camera that differs a little in light.
        """
        step = (sequence - 1) * (1.0 if self.scene_seed % 2 else -1.0)
        warmth = 1.0 + 0.04 * step
        red, green, blue = self.gains
        return replace(
            self,
            exposure=self.exposure * (1.0 + 0.1 * step),
            gains=(red * warmth, green, blue / warmth),
            light=max(-1.0, min(1.0, self.light + 0.3 * step)),
        )


def sample_cameras(rng: np.random.Generator, count: int) -> list[Camera]:
    """Draw cameras that differ from each other as much as their number allows.

    Heading, warmth, exposure, saturation, lines and scene are spread evenly over their ranges, each in its own order.

    Args:
        rng: where the draws come from.
        count: 1 or more.

    Returns:
        `count` cameras.

    Raises:
        ValueError: if `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"sample_cameras: expected count >= 1, got {count}. Ask for one camera or more.")
    # (5, count): shares 0..1, every row an even spread in an order of its own
    spread = np.stack([(rng.permutation(count) + rng.random(count)) / count for _ in range(5)])
    scenes = [SCENES[index % len(SCENES)] for index in rng.permutation(max(count, len(SCENES)))]
    return [_sample_camera(rng, [float(value) for value in spread[:, index]], scenes[index]) for index in range(count)]


def _sample_camera(rng: np.random.Generator, shares: list[float], scene: SceneKind) -> Camera:
    heading, warmth, exposure, saturation, lines = shares
    warm = 2.0 * warmth - 1.0
    tint = between(rng, -0.03, 0.03)
    pitch = between(rng, 0.05, 0.42)
    first = pick(rng, _STANDING)
    return Camera(
        heading=2.0 * math.pi * heading,
        two_way=between(rng, 0.1, 0.5),
        heading_spread=between(rng, 0.25, 0.55),
        pitch=pitch,
        perspective=0.05 + 0.5 * pitch * between(rng, 0.3, 1.0),
        gains=(1.0 + 0.08 * warm, 1.0 + tint, 1.0 - 0.11 * warm),
        saturation=0.65 + 0.5 * saturation,
        exposure=0.8 * (1.27 / 0.8) ** exposure,
        gamma=between(rng, 0.88, 1.18),
        haze=pick(rng, (0.0, between(rng, 4.0, 25.0))),
        blur=between(rng, 0.2, 0.9),
        motion=between(rng, 0.05, 0.25),
        lines=44.0 + 84.0 * lines,
        noise=between(rng, 1.5, 6.0),
        jpeg_quality=int(rng.integers(60, 93)),
        light=between(rng, -1.0, 1.0),
        contrast=between(rng, 0.45, 1.0),
        scene=scene,
        scene_seed=int(rng.integers(1 << 30)),
        occluders=(first, first, pick(rng, _STANDING), *_MOVING),
        occluder_colour=upper_colour(rng),
        occlusion=between(rng, 0.12, 0.5),
        crowd=between(rng, 0.05, 0.4),
        half_shade=0.0 if scene == "corridor" or chance(rng, 0.4) else between(rng, 0.1, 0.4),
        jitter=between(rng, 0.6, 1.5),
        cut=between(rng, 0.04, 0.18),
    )
