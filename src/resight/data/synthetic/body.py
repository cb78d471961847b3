"""Body shape and walking pose: numbers in, joints in space out.

Lengths are in body heights. The person stands at the origin: x to the person's right, y up, z forward.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from resight.data.synthetic.chance import between, chance

Point3: TypeAlias = tuple[float, float, float]

LEFT, RIGHT = 0, 1
ANKLE_HEIGHT = 0.04
SHOULDER_Y = 0.815
HEAD_Y = 0.925


@dataclass(frozen=True, slots=True)
class BodyShape:
    """Proportions of one person; half-widths and half-depths in body heights, `limb` and `head` as factors."""

    shoulder: float
    chest_depth: float
    waist: float
    hip: float
    leg: float
    limb: float
    head: float


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment of a walk: angles in radians; `elbows` and `lifts` are (left, right)."""

    phase: float
    stride: float
    swing: float
    elbows: tuple[float, float]
    lifts: tuple[float, float]
    lean: float


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joints in space; every pair is (left, right)."""

    hips: tuple[Point3, Point3]
    knees: tuple[Point3, Point3]
    ankles: tuple[Point3, Point3]
    toes: tuple[Point3, Point3]
    shoulders: tuple[Point3, Point3]
    elbows: tuple[Point3, Point3]
    wrists: tuple[Point3, Point3]
    neck: Point3
    head: Point3


def sample_shape(rng: np.random.Generator) -> BodyShape:
    """Draw one person's proportions, from slim to stout."""
    build = float(np.clip(rng.normal(0.0, 0.55), -1.0, 1.4))
    return BodyShape(
        shoulder=between(rng, 0.102, 0.122) + 0.010 * build,
        chest_depth=between(rng, 0.058, 0.068) + 0.014 * build,
        waist=between(rng, 0.072, 0.088) + 0.018 * build,
        hip=between(rng, 0.082, 0.096) + 0.012 * build,
        leg=between(rng, 0.475, 0.525),
        limb=between(rng, 0.92, 1.08) + 0.16 * build,
        head=between(rng, 0.92, 1.1),
    )


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw a moment: mostly walking, sometimes standing, sometimes with a hand raised (a phone, a strap)."""
    walking = chance(rng, 0.8)
    elbows = [between(rng, 0.1, 0.7), between(rng, 0.1, 0.7)]
    lifts = [0.0, 0.0]
    if chance(rng, 0.2):
        side = int(rng.integers(2))
        elbows[side], lifts[side] = between(rng, 1.5, 2.4), between(rng, 0.1, 0.7)
    return Pose(
        phase=between(rng, 0.0, 2.0 * math.pi),
        stride=between(rng, 0.3, 0.55) if walking else between(rng, 0.0, 0.12),
        swing=between(rng, 0.15, 0.6) if walking else between(rng, 0.0, 0.1),
        elbows=(elbows[0], elbows[1]),
        lifts=(lifts[0], lifts[1]),
        lean=between(rng, -0.01, 0.05),
    )


def _leg(shape: BodyShape, phase: float, stride: float, x: float) -> tuple[Point3, Point3, Point3, Point3]:
    """Hip, knee, ankle and toe of one leg, the hip at height 0."""
    upper = lower = (shape.leg - ANKLE_HEIGHT) / 2.0
    thigh = stride * math.sin(phase) + 0.04
    shin = thigh - 0.08 - 1.7 * stride * max(0.0, math.cos(phase + 0.25))  # the knee bends while the leg swings
    knee = (x, -upper * math.cos(thigh), upper * math.sin(thigh))
    ankle = (x, knee[1] - lower * math.cos(shin), knee[2] + lower * math.sin(shin))
    foot = min(0.0, 0.6 * shin + 0.1)
    toe = (x * 1.25, ankle[1] - 0.022 + 0.1 * math.sin(foot), ankle[2] + 0.095 * math.cos(foot))
    return (x, 0.0, 0.0), knee, ankle, toe


def _arm(shape: BodyShape, pose: Pose, side: int, base_y: float) -> tuple[Point3, Point3, Point3]:
    """Shoulder, elbow and wrist of one arm."""
    sign = 1.0 if side == RIGHT else -1.0
    angle = -pose.swing * math.sin(pose.phase + side * math.pi) + pose.lifts[side]
    forearm = angle + pose.elbows[side]
    x = sign * (shape.shoulder - 0.008)
    z = pose.lean
    elbow = (x + sign * 0.03, base_y - 0.162 * math.cos(angle), z + 0.162 * math.sin(angle))
    inward = 0.03 * min(pose.elbows[side], 1.6)
    wrist = (
        elbow[0] - sign * inward,
        elbow[1] - 0.145 * math.cos(forearm),
        elbow[2] + 0.145 * math.sin(forearm),
    )
    return (x, base_y, z), elbow, wrist


def build_skeleton(shape: BodyShape, pose: Pose) -> Skeleton:
    """Place the joints of a body in a pose, the lower foot on the ground.

    Args:
        shape: the person's proportions.
        pose: the moment of the walk.

    Returns:
        Joints in body heights, see the module docstring for the axes.
    """
    spread = shape.hip * 0.52
    legs = [_leg(shape, pose.phase + side * math.pi, pose.stride, spread * (2 * side - 1)) for side in (LEFT, RIGHT)]
    lift = ANKLE_HEIGHT - min(leg[2][1] for leg in legs)  # the lower ankle comes to its standing height
    left, right = ([(x, y + lift, z) for x, y, z in leg] for leg in legs)
    drop = lift - shape.leg
    arms = [_arm(shape, pose, side, SHOULDER_Y - 0.032 + drop) for side in (LEFT, RIGHT)]
    return Skeleton(
        hips=(left[0], right[0]),
        knees=(left[1], right[1]),
        ankles=(left[2], right[2]),
        toes=(left[3], right[3]),
        shoulders=(arms[0][0], arms[1][0]),
        elbows=(arms[0][1], arms[1][1]),
        wrists=(arms[0][2], arms[1][2]),
        neck=(0.0, SHOULDER_Y + 0.01 + drop, pose.lean),
        head=(0.0, HEAD_Y + drop, pose.lean * 1.4 + 0.008),
    )
