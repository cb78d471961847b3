"""The warp of the training augmentation: a bright spot is followed by its centre of mass, in pixels from the middle."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from resight.data.transforms import TrainTransform

TALL = (97, 65)
OFF = TrainTransform(TALL, flip=0.0, padding=0, erase=0.0)


def original(image: Tensor) -> Tensor:
    """The pixels 0..255 of a normalised image."""
    return (image * 0.5 + 0.5) * 255


def spot(size: tuple[int, int], right: float, down: float) -> Tensor:
    """(3, *size) uint8, black but for a soft spot."""
    y, x = (torch.arange(side) - (side - 1) / 2 for side in size)
    distance = (y[:, None] - down) ** 2 + (x[None, :] - right) ** 2
    return (250 * torch.exp(-distance / 8)).to(torch.uint8).expand(3, *size).clone()


def centre(image: Tensor) -> tuple[float, float]:
    """How far right and down the spot is."""
    weight = original(image)[0]
    y, x = (torch.arange(side) - (side - 1) / 2 for side in weight.shape)
    total = weight.sum()
    return ((weight.sum(0) * x).sum() / total).item(), ((weight.sum(1) * y).sum() / total).item()


def moved(right: float, down: float, count: int = 200, **settings: float) -> list[tuple[float, float]]:
    transform = replace(OFF, **settings)
    return [centre(transform.augment(spot(TALL, right, down), seed)) for seed in range(count)]


def test_rotation_is_within_its_degrees_and_keeps_distances():
    places = moved(18, 0, rotation=30)
    assert all(math.hypot(x, y) == pytest.approx(18, abs=0.3) for x, y in places), "pixels are square"
    angles = [math.degrees(math.atan2(y, x)) for x, y in places]
    assert (min(angles), max(angles)) == pytest.approx((-30, 30), abs=1.5)
    assert np.mean(angles) == pytest.approx(0, abs=5)


def test_translation_is_a_share_of_either_side():
    places = np.array(moved(0, 0, translation=0.2))
    for axis, side in ((0, 65), (1, 97)):
        assert (places[:, axis].min(), places[:, axis].max()) == pytest.approx((-0.2 * side, 0.2 * side), abs=1)
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.3, "the two axes are drawn each for itself"


def test_zoom_is_the_same_on_both_axes_and_symmetric_in_its_logarithm():
    places = np.array(moved(14, 20, zoom=0.5))
    scales = places / (14, 20)
    assert_close(scales[:, 0], scales[:, 1], atol=0.03, rtol=0)
    assert (scales.min(), scales.max()) == pytest.approx((1 / 1.5, 1.5), rel=0.04)
    assert np.log(scales).mean() == pytest.approx(0, abs=0.08)


def test_aspect_stretches_one_axis_as_it_shrinks_the_other():
    places = np.array(moved(14, 20, aspect=0.5))
    scales = places / (14, 20)
    assert_close(scales[:, 0] * scales[:, 1], np.ones(200), atol=0.03, rtol=0)
    assert (scales[:, 0].min(), scales[:, 0].max()) == pytest.approx((1 / 1.5, 1.5), rel=0.04)
    assert np.log(scales[:, 0]).mean() == pytest.approx(0, abs=0.08)


def test_outside_is_black():
    white = torch.full((3, *TALL), 255, dtype=torch.uint8)
    result = original(replace(OFF, translation=0.3).augment(white, 0))
    assert {0, 255} <= set(result.round().unique().tolist())
