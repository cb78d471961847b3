from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from resight.data.transforms import IMAGENET_MEAN, IMAGENET_STD, EvalTransform
from resight.pretrain.views import View, Views, byol_views, cut, dino_views, luperson_views, mocov2_views

PLAIN = {"flip": 0.0, "jitter": 0.0, "grey": 0.0, "blur": 0.0}


def _image(height: int = 60, width: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_dino_has_two_sizes_in_two_groups() -> None:
    views = dino_views((64, 32), (32, 16), local_crops=3)
    large, small = views(_image(), seed=4)
    assert large.shape == (2, 3, 64, 32)
    assert small.shape == (3, 3, 32, 16)
    assert large.dtype == torch.float32
    assert views.sizes == [((64, 32), 2), ((32, 16), 3)]


def test_one_seed_one_result() -> None:
    views = dino_views((64, 32), (32, 16), local_crops=2)
    first, again, other = (views(_image(), seed) for seed in (7, 7, 8))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0][0], first[0][1])
    assert not torch.equal(first[1][0], first[1][1])


def test_the_whole_image_without_any_change_is_the_eval_transform() -> None:
    """Resized as Pillow resizes, up to its rounding."""
    image = _image()
    view = View((64, 32), (1.0, 1.0), aspect=(0.5, 0.5), **PLAIN)
    views = Views((view,))
    (found,) = views(image, seed=0)
    expected = EvalTransform((64, 32), views.mean, views.std, "bicubic")(Image.fromarray(image))
    assert (found[0] - expected).abs().max() < 1.6 / 255 / 0.22


def test_cuts_obey_area_and_aspect() -> None:
    rng = np.random.default_rng(0)
    view = View((8, 8), (0.05, 0.4))
    areas = []
    for _ in range(300):
        top, left, height, width = cut((100, 100), view, rng.random(22))
        assert 0 <= top <= 100 - height
        assert 0 <= left <= 100 - width
        assert 0.7 < width / height < 1.45
        areas.append(height * width / 1e4)
    assert 0.045 < min(areas) < 0.08
    assert 0.35 < max(areas) < 0.42


def test_a_cut_that_never_fits_is_the_largest_in_the_middle() -> None:
    draws = np.full(22, 0.99)
    assert cut((400, 100), View((8, 8), (0.9, 1.0)), draws) == (133, 0, 133, 100)
    assert cut((100, 400), View((8, 8), (0.9, 1.0)), draws) == (0, 133, 100, 133)
    assert cut((1, 1), View((8, 8), (0.05, 0.4)), draws) == (0, 0, 1, 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 50), (300, 4)])
def test_tiny_and_thin_images_are_enlarged(size: tuple[int, int]) -> None:
    large, small = dino_views((64, 32), (32, 16))(_image(*size), seed=1)
    assert torch.isfinite(large).all()
    assert torch.isfinite(small).all()


@pytest.mark.parametrize("local", [(65, 32), (64, 33), (64, 32)])
def test_local_crops_larger_than_the_global_ones(local: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"are not smaller than the global ones of 64x32; a usual local size is half"):
        dino_views((64, 32), local)


def test_flip_grey_and_solarize_do_what_they_say() -> None:
    image = _image()
    plain = View((64, 32), (1.0, 1.0), aspect=(0.5, 0.5), **PLAIN)

    def made(**changes: float) -> torch.Tensor:
        return Views((replace(plain, **changes),), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(image, 0)[0][0]

    assert torch.equal(made(flip=1.0), made().flip(2))
    grey = made(grey=1.0)
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(made(solarize=1.0) > 0.5, torch.zeros(3, 64, 32, dtype=torch.bool))
    erased = made(erase=1.0)
    assert 0.01 < (erased == 0).float().mean() < 0.65


def test_jitter_happens_as_often_as_it_should() -> None:
    view = View((8, 8), (1.0, 1.0), aspect=(0.5, 0.5), flip=0.0, grey=0.0, blur=0.0, jitter=0.8)
    plain = Views((replace(view, jitter=0.0),))(_image(), 0)[0]
    changed = sum(not torch.equal(Views((view,))(_image(), seed)[0], plain) for seed in range(200))
    assert 140 < changed < 180


def test_pairs_of_the_other_methods() -> None:
    for views in (byol_views((32, 16)), mocov2_views((32, 16)), luperson_views((32, 16))):
        (pair,) = views(_image(), seed=0)
        assert pair.shape == (2, 3, 32, 16)
    assert luperson_views().views[0].jitter == 0
    assert byol_views().views[1].solarize == 0.2
    assert mocov2_views().views[0].saturation == 0.4


def test_impossible_views() -> None:
    with pytest.raises(ValueError, match="1 pixel or more"):
        View((0, 8), (0.1, 1.0))
    with pytest.raises(ValueError, match="area must rise"):
        View((8, 8), (0.5, 0.1))


def test_each_method_resizes_as_its_released_code() -> None:
    assert {view.interpolation for view in dino_views().views} == {"bicubic"}
    for views in (byol_views(), mocov2_views(), luperson_views()):
        assert {view.interpolation for view in views.views} == {"bilinear"}
    image = _image()
    made = {
        name: Views((View((64, 32), (1.0, 1.0), name, aspect=(0.5, 0.5), **PLAIN),))(image, seed=0)[0][0]
        for name in ("bicubic", "bilinear")
    }
    expected = EvalTransform((64, 32), IMAGENET_MEAN, IMAGENET_STD, "bilinear")(Image.fromarray(image))
    assert (made["bilinear"] - expected).abs().max() < 1.6 / 255 / 0.22 < (made["bicubic"] - expected).abs().max()
