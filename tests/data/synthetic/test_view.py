"""Yaw 0 faces the camera; pi / 2 walks to the right of the picture."""

import math

import pytest

from resight.data.synthetic.view import View


def view(yaw: float, pitch: float = 0.0) -> View:
    return View(
        yaw, pitch, perspective=0.0, roll=0.0, scale=100.0, centre_x=32.0, foot_y=120.0, light=0.0, contrast=1.0
    )


def test_a_person_who_faces_the_camera_has_the_right_hand_on_the_left() -> None:
    assert view(0.0).project((0.1, 0.5, 0.0)) == pytest.approx((22.0, 70.0))


@pytest.mark.parametrize(("yaw", "x"), [(0.0, 32.0), (math.pi / 2, 42.0), (math.pi, 32.0), (-math.pi / 2, 22.0)])
def test_what_is_in_front_of_a_person_follows_the_yaw(yaw: float, x: float) -> None:
    assert view(yaw).project((0.0, 0.0, 0.1)) == pytest.approx((x, 120.0))


def test_seen_from_above_near_points_lie_lower() -> None:
    assert view(0.0, pitch=0.3).project((0.0, 0.0, 0.1))[1] > 120.0
