"""Patterns turn with the body: the front is hidden when the back is seen."""

import math

import pytest

from resight.data.synthetic.tube import Ring, Tube
from resight.data.synthetic.view import View

RINGS = [Ring(0.8, 0.0, 0.1, 0.06), Ring(0.6, 0.0, 0.08, 0.05), Ring(0.5, 0.0, 0.1, 0.06)]


def tube(yaw: float) -> Tube:
    return Tube(RINGS, View(yaw, 0.0, 0.0, 0.0, 100.0, 32.0, 100.0, 0.0, 1.0))


def test_outline_is_as_wide_as_the_body_from_front_and_side() -> None:
    for yaw, half in ((0.0, 10.0), (math.pi / 2, 6.0)):
        xs = tube(yaw).band(0.0, 1.0)[0::2]
        assert (min(xs), max(xs)) == pytest.approx((32.0 - half, 32.0 + half))


def test_a_logo_is_seen_in_front_only() -> None:
    assert tube(0.0).strip(-0.4, 0.4, 0.2, 0.5)
    assert not tube(math.pi).strip(-0.4, 0.4, 0.2, 0.5)


def test_a_print_on_the_back_is_centred_when_the_back_is_seen() -> None:
    xs = tube(math.pi).strip(math.pi - 0.5, math.pi + 0.5, 0.2, 0.5)[0::2]
    assert (min(xs) + max(xs)) / 2.0 == pytest.approx(32.0)


def test_the_right_side_of_a_person_who_faces_the_camera_is_on_the_left() -> None:
    assert max(tube(0.0).strip(0.5, 1.0, 0.0, 1.0)[0::2]) < 32.0
