import numpy as np
import pytest
from PIL import Image, ImageFilter

from resight.filtering.quality import ImageQuality, QualityLimits, height, sharpness, width
from resight.filtering.scorer import ScoreBatch


def noise(size=(60, 40), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def slow_sharpness(pixels):
    grey = (pixels.astype(np.int64) @ np.array([77, 150, 29])) // 256
    values = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, grey.shape[0] - 1)
        for x in range(1, grey.shape[1] - 1)
    ]
    return np.var(values)


def test_sharpness_is_the_variance_of_the_laplacian():
    pixels = noise()
    assert sharpness(pixels) == pytest.approx(slow_sharpness(pixels), rel=1e-5)


def test_sharpness_falls_with_blur():
    image = Image.fromarray(noise())
    values = [sharpness(np.asarray(image.filter(ImageFilter.GaussianBlur(radius)))) for radius in (0, 0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.01 * values[0]


def test_a_large_blurred_crop_is_judged_as_a_net_sees_it():
    small = Image.fromarray(noise((200, 130)))
    large = np.asarray(small.resize((520, 800), Image.Resampling.BOX))  # each pixel four times as wide and high
    assert sharpness(large) == pytest.approx(sharpness(np.asarray(small)), rel=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (50, 2)])
def test_hardly_any_pixels(size):
    assert sharpness(noise(size)) == 0.0


def test_flat_images_and_read_only_pixels():
    flat = np.full((20, 10, 3), 90, dtype=np.uint8)
    flat.flags.writeable = False
    assert sharpness(flat) == 0.0
    assert (width(flat), height(flat)) == (10.0, 20.0)


def test_as_a_scorer():
    scorer = ImageQuality()
    images = [noise((40, 20)), noise((30, 60))]
    measured = {
        name: np.array([measure(image) for image in images], dtype=np.float32)
        for name, measure in scorer.measures.items()
    }
    scores = scorer(ScoreBatch(np.arange(2), {}, measured))
    assert set(scores) == set(scorer.columns)
    np.testing.assert_allclose(scores["aspect"], [2.0, 0.5])
    np.testing.assert_allclose(scores["width"], [20, 60])
    np.testing.assert_allclose(scores["sharpness"], [sharpness(image) for image in images], rtol=1e-6)


def test_limits():
    facts = {
        "width": np.array([20, 40, 40, 40, np.nan], dtype=np.float32),
        "height": np.array([80, 80, 20, 80, np.nan], dtype=np.float32),
        "aspect": np.array([4, 2, 0.5, 2, np.nan], dtype=np.float32),
        "sharpness": np.array([90, 90, 90, 5, np.nan], dtype=np.float32),
    }
    assert QualityLimits(min_width=30).passes(facts).tolist() == [False, True, True, True, False]
    assert QualityLimits(min_height=30).passes(facts).tolist() == [True, True, False, True, False]
    assert QualityLimits(aspect=(1.5, 3)).passes(facts).tolist() == [False, True, False, True, False]
    assert QualityLimits(min_sharpness=5.5).passes(facts).tolist() == [True, True, True, False, False]
    both = QualityLimits(min_width=40, aspect=(0.5, 2))
    assert both.needs == ("width", "aspect")
    assert both.passes(facts).tolist() == [False, True, True, True, False]


def test_limits_that_make_no_sense():
    with pytest.raises(ValueError, match="aspect"):
        QualityLimits(aspect=(3, 1.5))
    with pytest.raises(ValueError, match="ask for nothing"):
        QualityLimits().passes({})
