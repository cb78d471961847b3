"""Cameras differ from each other, and in light from one sequence to the next."""

from dataclasses import replace

import numpy as np
import pytest

from resight.data.synthetic import sample_cameras


def test_cameras_are_spread_over_the_ranges() -> None:
    cameras = sample_cameras(np.random.default_rng(0), 6)
    headings = sorted(camera.heading for camera in cameras)
    assert [int(heading / (2.0 * np.pi) * 6) for heading in headings] == list(range(6))
    assert len({camera.scene for camera in cameras}) == 6
    assert max(camera.exposure for camera in cameras) / min(camera.exposure for camera in cameras) > 1.3


def test_same_draws_give_the_same_cameras() -> None:
    assert sample_cameras(np.random.default_rng(4), 9) == sample_cameras(np.random.default_rng(4), 9)


def test_a_sequence_changes_only_the_light() -> None:
    camera = sample_cameras(np.random.default_rng(0), 1)[0]
    later = camera.in_sequence(2)
    assert camera.in_sequence(1) == camera
    assert later != camera
    assert replace(later, exposure=camera.exposure, gains=camera.gains, light=camera.light) == camera


def test_no_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="count >= 1"):
        sample_cameras(np.random.default_rng(0), 0)
