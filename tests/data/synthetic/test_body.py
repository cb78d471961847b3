"""The skeleton stands on the ground and keeps its proportions in every pose."""

import math
from dataclasses import replace

import numpy as np
import pytest

from resight.data.synthetic.body import ANKLE_HEIGHT, build_skeleton, sample_pose, sample_shape


@pytest.mark.parametrize("seed", range(10))
def test_the_lower_foot_is_on_the_ground_and_bones_keep_their_length(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, pose = sample_shape(rng), sample_pose(rng)
    skeleton = build_skeleton(shape, pose)
    assert min(ankle[1] for ankle in skeleton.ankles) == pytest.approx(ANKLE_HEIGHT)
    bone = (shape.leg - ANKLE_HEIGHT) / 2.0
    for hip, knee, ankle in zip(skeleton.hips, skeleton.knees, skeleton.ankles, strict=True):
        assert math.dist(hip, knee) == pytest.approx(bone)
        assert math.dist(knee, ankle) == pytest.approx(bone)


def test_half_a_turn_of_the_gait_swaps_the_legs() -> None:
    rng = np.random.default_rng(0)
    shape, pose = sample_shape(rng), sample_pose(rng)
    now = build_skeleton(shape, pose)
    later = build_skeleton(shape, replace(pose, phase=pose.phase + math.pi))
    left, right = now.knees[0], later.knees[1]
    assert left == pytest.approx((-right[0], right[1], right[2]))
