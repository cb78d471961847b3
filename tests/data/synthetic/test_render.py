"""One crop: size, determinism, and that person and camera both show."""

import numpy as np
import pytest

from resight.data.synthetic import render_crop, sample_cameras, sample_person


def crop(person: int, camera: int, moment: int, image_size: tuple[int, int] = (128, 64)) -> np.ndarray:
    cameras = sample_cameras(np.random.default_rng(0), 3)
    who = sample_person(np.random.default_rng(person))
    return np.asarray(render_crop(who, cameras[camera], np.random.default_rng(moment), image_size)).astype(int)


@pytest.mark.parametrize("image_size", [(128, 64), (64, 64), (96, 40), (16, 16)])
def test_crop_has_the_size_asked_for(image_size: tuple[int, int]) -> None:
    assert crop(0, 0, 0, image_size).shape == (*image_size, 3)


def test_same_draws_give_the_same_crop() -> None:
    assert np.array_equal(crop(1, 0, 5), crop(1, 0, 5))


@pytest.mark.parametrize("other", [(2, 0, 5), (1, 1, 5), (1, 0, 6)])
def test_person_camera_and_moment_each_change_the_crop(other: tuple[int, int, int]) -> None:
    assert np.abs(crop(1, 0, 5) - crop(*other)).mean() > 2.0


def test_many_people_and_moments_render() -> None:
    cameras = sample_cameras(np.random.default_rng(1), 8)
    for seed in range(60):  # every garment, bag, hair style, occluder and side comes
        rng = np.random.default_rng(seed)
        image = render_crop(sample_person(rng), cameras[seed % 8], rng, (64, 32))
        assert np.asarray(image).std() > 3.0


def test_too_small_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="image_size"):
        crop(0, 0, 0, (8, 64))
