import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from resight.data.transforms import EvalTransform, TrainTransform, normalize, resize

SIZE = (32, 16)
OFF = TrainTransform(SIZE, flip=0.0, padding=0, erase=0.0)


def photo(height: int = 48, width: int = 40, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def ramp(channels: tuple[int, int, int] = (1, 1, 1)) -> Tensor:
    """(3, 32, 16) uint8, brighter from left to right, dark enough that no factor below saturates."""
    row = torch.arange(16) * 4 + 20
    return torch.stack([(row * channel) for channel in channels]).to(torch.uint8)[:, None, :].expand(3, 32, 16).clone()


def original(image: Tensor) -> Tensor:
    """The pixels 0..255 of a normalised image."""
    return (image * 0.5 + 0.5) * 255


# Evaluation


def test_resize_is_height_then_width():
    assert resize(photo(), SIZE, "bilinear").shape == (3, *SIZE)
    assert resize(photo(), SIZE, "bilinear").dtype == torch.uint8


def test_resize_to_its_own_size_changes_nothing():
    pixels = torch.from_numpy(np.array(photo())).permute(2, 0, 1)
    for interpolation in ("bilinear", "bicubic"):
        assert torch.equal(resize(photo(), (48, 40), interpolation), pixels)


def test_resize_takes_an_array_or_a_part_of_one():
    pixels = np.asarray(photo())
    for part in (pixels, pixels[5:40, 3:30]):
        assert torch.equal(resize(part, SIZE, "bicubic"), resize(Image.fromarray(part), SIZE, "bicubic"))


def test_resize_is_antialiased():
    stripes = np.zeros((8, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = resize(Image.fromarray(stripes), (8, 4), "bilinear")
    assert small.float().std() < 3
    assert 120 < small.float().mean() < 136


def test_interpolations_differ_and_others_are_refused():
    assert not torch.equal(resize(photo(), SIZE, "bilinear"), resize(photo(), SIZE, "bicubic"))
    with pytest.raises(ValueError, match="one of bilinear, bicubic, not 'nearest'"):
        EvalTransform(SIZE, interpolation="nearest")(photo())


def test_normalize():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1)
    result = normalize(image, (0.1, 0.2, 0.5), (0.5, 0.4, 0.25))
    assert_close(result.flatten(), torch.tensor([-0.2, 0.0, 2.0]))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -2), (-4, 5), (40, 0), (0, -16), (0, 21), (2, -21)])
def test_normalize_mirrors_and_moves_over_black(flip, down, right):
    image = torch.randint(0, 256, (3, *SIZE), dtype=torch.uint8)
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    moved = torch.zeros_like(image)
    for y in range(max(down, 0), min(32 + down, 32)):
        for x in range(max(right, 0), min(16 + right, 16)):
            moved[:, y, x] = (image.flip(2) if flip else image)[:, y - down, x - right]
    expected = (moved.float() / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    out = torch.full((2, 3, *SIZE), torch.nan)
    result = normalize(image, mean, std, flip=flip, down=down, right=right, out=out[1])
    assert torch.equal(result, expected)
    assert torch.equal(out[1], expected)
    assert out[0].isnan().all()


def test_eval_transform():
    transform = EvalTransform(SIZE, mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3))
    expected = normalize(resize(photo(), SIZE, "bilinear"), (0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
    assert_close(transform(photo()), expected)
    assert EvalTransform(**transform.to_json()) == transform


# Training


def test_everything_off_is_the_eval_transform():
    evaluate = EvalTransform(SIZE, interpolation="bicubic")
    for seed in range(3):
        assert torch.equal(OFF.augment(OFF.prepare(photo()), seed), evaluate(photo()))


EVERYTHING = TrainTransform(
    SIZE, zoom=0.3, aspect=0.2, rotation=20, translation=0.1, blur=0.5, brightness=0.4, contrast=0.4, saturation=0.4,
    hue=0.1, grey=0.2,
)  # fmt: skip


@pytest.mark.parametrize("transform", [TrainTransform(SIZE), EVERYTHING], ids=["official", "everything"])
def test_the_seed_decides(transform):
    image = transform.prepare(photo())
    before = image.clone()
    state = torch.random.get_rng_state()
    first, again = transform.augment(image, 7), transform.augment(image, 7)
    assert torch.equal(first, again)
    assert len({transform.augment(image, seed).sum().item() for seed in range(20)}) == 20
    assert torch.equal(image, before), "a kept image is used again"
    assert torch.equal(torch.random.get_rng_state(), state), "chance comes from the seed alone"
    assert (first.shape, first.dtype) == ((3, *SIZE), torch.float32)


def share(transform: TrainTransform, happened, count: int = 600) -> float:
    image = ramp()
    return sum(bool(happened(transform.augment(image, seed))) for seed in range(count)) / count


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_flip(probability):
    mirrored = OFF.augment(ramp().flip(2), 0)
    plain = OFF.augment(ramp(), 0)
    transform = replace(OFF, flip=probability)
    for seed in range(20):
        result = transform.augment(ramp(), seed)
        assert torch.equal(result, mirrored) or torch.equal(result, plain)
    # Five standard deviations of a binomial with n = 600.
    assert share(transform, lambda x: torch.equal(x, mirrored)) == pytest.approx(probability, abs=0.1)


def test_padding_moves_the_image_over_black():
    transform = replace(OFF, padding=3)
    image = (torch.rand(3, *SIZE) * 200 + 50).to(torch.uint8)
    places = set()
    padded = torch.zeros(3, 38, 22, dtype=torch.uint8)
    padded[:, 3:-3, 3:-3] = image
    crops = {
        padded[:, y : y + 32, x : x + 16].contiguous().numpy().tobytes(): (y, x) for y in range(7) for x in range(7)
    }
    for seed in range(500):
        result = original(transform.augment(image, seed)).round().to(torch.uint8)
        places.add(crops[result.contiguous().numpy().tobytes()])
    assert places == {(y, x) for y in range(7) for x in range(7)}


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_a_border_wider_than_the_image(grey):
    """Some crops then lie beside the image: they are black, and nothing else is written to."""
    transform = TrainTransform((4, 3), flip=0.0, padding=10, erase=0.0, grey=grey)
    white = torch.full((3, 4, 3), 255, dtype=torch.uint8)
    room = torch.full((3, 3, 4, 3), torch.nan)
    seen = set()
    for seed in range(60):
        result = transform.augment(white, seed, out=room[1])
        assert not result.isnan().any()
        seen.add(float(result.max()))
    assert -1.0 in seen
    assert max(seen) > 0.9
    assert room[[0, 2]].isnan().all()


def test_black_is_black_before_normalisation():
    shifted = replace(OFF, padding=10).augment(torch.full((3, *SIZE), 255, dtype=torch.uint8), 1)
    assert set(shifted.unique().tolist()) == {-1.0, 1.0}


def erased(result: Tensor, plain: Tensor) -> Tensor:
    """(H, W) bool."""
    return (result != plain).any(0)


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_erase_probability(probability):
    plain = OFF.augment(ramp(), 0)
    transform = replace(OFF, erase=probability)
    assert share(transform, lambda x: erased(x, plain).any()) == pytest.approx(probability, abs=0.1)


@pytest.mark.parametrize("area", [(0.02, 1 / 3), (0.2, 0.2)])
def test_erased_is_one_rectangle_of_normal_noise(area):
    size = (64, 48)
    transform = replace(OFF, image_size=size, erase=1.0, erase_area=area)
    image = torch.full((3, *size), 128, dtype=torch.uint8)
    plain = replace(OFF, image_size=size).augment(image, 0)
    areas, aspects, noise, tops = [], [], [], []
    for seed in range(300):
        result = transform.augment(image, seed)
        mask = erased(result, plain)
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert int(mask.sum()) == len(rows) * len(columns)
        areas.append(len(rows) * len(columns) / mask.numel())
        aspects.append(len(rows) / len(columns))
        tops.append(rows[0].item() / max(64 - len(rows), 1))
        noise.append(result[:, mask].flatten())
    values = torch.cat(noise)
    assert (values.mean().item(), values.std().item()) == pytest.approx((0, 1), abs=0.02)
    assert min(areas) > area[0] * 0.85
    assert max(areas) < area[1] * 1.15
    assert np.mean(areas) == pytest.approx(sum(area) / 2, rel=0.12)
    # Log-uniform between 0.3 and 1 / 0.3, up to whole pixels: symmetric around 1.
    assert math.exp(np.mean(np.log(aspects))) == pytest.approx(1.0, rel=0.15)
    assert (min(aspects), max(aspects)) == pytest.approx((0.3, 1 / 0.3), rel=0.25)
    assert (min(tops), max(tops)) == (0.0, 1.0)


def test_a_rectangle_that_never_fits_is_left_out():
    transform = replace(OFF, erase=1.0, erase_area=(1.0, 1.0))
    assert torch.equal(transform.augment(ramp(), 0), OFF.augment(ramp(), 0))


def test_erased_with_the_mean_as_the_strong_baseline_does():
    """One rectangle, aspect uniform (mean 1.8), the ImageNet mean as it is whatever the normalisation."""
    size = (64, 48)
    transform = replace(
        OFF, image_size=size, erase=1.0, erase_area=(0.02, 0.4), erase_fill="mean", mean=(0.4, 0.4, 0.4)
    )
    image = torch.full((3, *size), 128, dtype=torch.uint8)
    plain = replace(transform, erase=0.0).augment(image, 0)
    aspects, areas = [], []
    for seed in range(400):
        result = transform.augment(image, seed)
        mask = erased(result, plain)
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert_close(result[:, mask], torch.tensor([0.485, 0.456, 0.406])[:, None].expand(3, int(mask.sum())))
        aspects.append(len(rows) / len(columns))
        areas.append(len(rows) * len(columns) / mask.numel())
    assert (min(aspects), max(aspects)) == pytest.approx((0.3, 1 / 0.3), rel=0.25)
    # A few of the largest and longest do not fit, which lowers both a little.
    assert np.mean(aspects) == pytest.approx(1.75, abs=0.2)
    assert np.mean(areas) == pytest.approx(0.2, abs=0.025)
    assert torch.equal(transform.augment(image, 7), transform.augment(image, 7))


def test_the_mean_is_tried_a_hundred_times_and_noise_ten():
    """Rectangles of nine tenths of the image fit when their aspect is that of the image, within a tenth or so."""
    image = torch.full((3, *SIZE), 128, dtype=torch.uint8)
    plain = OFF.augment(image, 0)

    def fitted(fill: str) -> float:
        transform = replace(OFF, erase=1.0, erase_area=(0.9, 0.9), erase_fill=fill)
        return sum(bool(erased(transform.augment(image, seed), plain).any()) for seed in range(200)) / 200

    assert fitted("mean") > 0.9
    assert fitted("noise") < 0.6


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_factors(name):
    """Each is read back from a colour: brightness scales it, contrast its spread, saturation its distance to grey."""
    image = ramp((1, 2, 1))
    plain = original(OFF.augment(image, 0))
    transform = replace(OFF, **{name: 0.4})
    factors = []
    for seed in range(200):
        result = original(transform.augment(image, seed))
        if name == "brightness":
            factor = result.mean() / plain.mean()
        elif name == "contrast":
            factor = result.std() / plain.std()
        else:
            factor = (result[1] - result[0]).mean() / (plain[1] - plain[0]).mean()
        factors.append(factor.item())
    assert (min(factors), max(factors)) == pytest.approx((0.6, 1.4), abs=0.05)
    assert np.mean(factors) == pytest.approx(1.0, abs=0.06)


def test_a_factor_is_never_negative():
    result = original(replace(OFF, brightness=5.0).augment(ramp(), 3))
    assert result.min() >= 0
    dark = [original(replace(OFF, brightness=5.0).augment(ramp(), seed)).mean().item() for seed in range(60)]
    assert min(dark) < 20


def test_hue_turns_colours_and_leaves_grey():
    red = torch.zeros(3, *SIZE, dtype=torch.uint8)
    red[0] = 200
    transform = replace(OFF, hue=1 / 3)
    for seed in range(30):
        result = original(transform.augment(red, seed)).round()
        assert (result.amax(0) == 200).all()
        assert (result.amin(0) == 0).all()
        assert_close(transform.augment(ramp(), seed), OFF.augment(ramp(), 0), atol=0.02, rtol=0)
    turned = {original(transform.augment(red, seed))[1].mean().round().item() for seed in range(30)}
    assert len(turned) > 5


def test_grey():
    image = ramp((1, 2, 1))
    transform = replace(OFF, grey=0.5)
    is_grey = [torch.equal(r[0], r[1]) for r in (transform.augment(image, seed) for seed in range(300))]
    assert np.mean(is_grey) == pytest.approx(0.5, abs=0.15)


def test_blur_takes_detail_and_leaves_the_mean():
    transform = replace(OFF, blur=0.4)
    image = OFF.prepare(photo())
    plain = OFF.augment(image, 0)
    results = [transform.augment(image, seed) for seed in range(300)]
    blurred = [result for result in results if not torch.equal(result, plain)]
    assert len(blurred) / 300 == pytest.approx(0.4, abs=0.14)
    for result in blurred:
        assert result.std() < 0.9 * plain.std()
        assert result.mean().item() == pytest.approx(plain.mean().item(), abs=0.02)
    even = torch.full((3, *SIZE), 77, dtype=torch.uint8)
    assert torch.equal(replace(OFF, blur=1.0).augment(even, 0), OFF.augment(even, 0))


# Flips that an identity shares


def test_images_of_one_identity_are_flipped_together():
    transform = replace(OFF, flip=0.5, flip_together=True)
    plain, mirrored = (OFF.augment(image, 0) for image in (ramp(), ramp().flip(2)))
    flipped = []
    for shared in range(200):
        results = [transform.augment(ramp(), seed, shared) for seed in range(4)]
        assert all(torch.equal(result, results[0]) for result in results)
        flipped.append(torch.equal(results[0], mirrored))
        assert flipped[-1] or torch.equal(results[0], plain)
    assert np.mean(flipped) == pytest.approx(0.5, abs=0.18)


def test_the_rest_of_the_augmentation_is_not_shared():
    transform = TrainTransform(SIZE, flip_together=True)
    assert not torch.equal(transform.augment(ramp(), 0, 5), transform.augment(ramp(), 1, 5))


def test_without_sharing_the_shared_seed_is_not_read():
    transform = TrainTransform(SIZE)
    assert all(torch.equal(transform.augment(ramp(), seed), transform.augment(ramp(), seed, 99)) for seed in range(20))


def test_the_defaults_are_the_official_recipe():
    transform = TrainTransform((256, 128))
    assert (transform.flip, transform.padding, transform.erase) == (0.5, 10, 0.5)
    assert transform.erase_area == (0.02, 1 / 3)
    assert transform.erase_fill == "noise"
    assert transform.mean == transform.std == (0.5, 0.5, 0.5)
