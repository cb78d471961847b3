"""Junk crops show what their kind says."""

from dataclasses import replace

import numpy as np
import pytest

from resight.data.synthetic import JUNK_KINDS, JunkKind, render_crop, render_junk, sample_cameras, sample_person

CAMERA = replace(sample_cameras(np.random.default_rng(0), 1)[0], occlusion=0.0, crowd=0.0, half_shade=0.0)


def sharpness(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image.astype(float), axis=0)).mean())


@pytest.mark.parametrize("kind", JUNK_KINDS)
def test_same_draws_give_the_same_junk(kind: JunkKind) -> None:
    person = sample_person(np.random.default_rng(0))
    first, second = (render_junk(kind, person, CAMERA, np.random.default_rng(3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_no_person_does_not_depend_on_the_person() -> None:
    first, second = (
        render_junk("no_person", sample_person(np.random.default_rng(who)), CAMERA, np.random.default_rng(3))
        for who in (0, 1)
    )
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("seed", range(8))
def test_wrong_aspect_is_far_from_the_right_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = render_junk("wrong_aspect", sample_person(rng), CAMERA, rng, (64, 32))
    assert image.width / image.height > 1.0 or image.width / image.height < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_extreme_blur_is_far_below_a_good_crop(seed: int) -> None:
    person = sample_person(np.random.default_rng(seed))
    good = np.asarray(render_crop(person, CAMERA, np.random.default_rng(seed)))
    bad = np.asarray(render_junk("extreme_blur", person, CAMERA, np.random.default_rng(seed)))
    assert sharpness(bad) < 0.6 * sharpness(good)


def test_unknown_kind_and_small_size_are_refused() -> None:
    person = sample_person(np.random.default_rng(0))
    with pytest.raises(ValueError, match="no_person"):
        render_junk("odd", person, CAMERA, np.random.default_rng(0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="image_size"):
        render_junk("fragment", person, CAMERA, np.random.default_rng(0), (64, 16))
