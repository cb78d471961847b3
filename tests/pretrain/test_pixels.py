import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as TF

from resight.pretrain import pixels


def _planes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (3, 9, 7)).astype(np.float32)


def _torchvision(planes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(planes.copy()).double() / 255


ORACLES = {
    pixels.BRIGHTNESS: lambda image, factor: TF.adjust_brightness(image, factor),
    pixels.CONTRAST: lambda image, factor: TF.adjust_contrast(image, factor),
    pixels.SATURATION: lambda image, factor: TF.adjust_saturation(image, factor),
    pixels.HUE: lambda image, factor: TF.adjust_hue(image, factor),
}


@pytest.mark.parametrize(
    ("which", "value"),
    [*((which, value) for which in list(ORACLES)[:3] for value in (0.6, 1.4)), (pixels.HUE, -0.1), (pixels.HUE, 0.07)],
)
def test_one_adjustment_against_torchvision(which: int, value: float) -> None:
    planes = _planes()
    expected = ORACLES[which](_torchvision(planes), value) * 255
    factors = np.zeros(4, np.float32)
    factors[which] = value
    pixels.jitter(planes, np.array([which]), factors)
    # torchvision rounds the weights of grey to four digits
    torch.testing.assert_close(torch.from_numpy(planes).double(), expected, atol=0.06, rtol=0)


def test_adjustments_come_in_the_order_given() -> None:
    factors = np.array([1.3, 0.7, 1.2, 0.05], np.float32)
    results = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        planes = _planes()
        expected = _torchvision(planes)
        for which in order:
            expected = ORACLES[which](expected, float(factors[which]))
        pixels.jitter(planes, np.array(order), factors)
        torch.testing.assert_close(torch.from_numpy(planes).double(), expected * 255, atol=0.15, rtol=0)
        results.append(planes)
    assert np.abs(results[0] - results[1]).max() > 1


def test_hue_of_grey_and_of_pure_colours() -> None:
    planes = np.zeros((3, 1, 4), np.float32)
    planes[:, 0, 0] = 90  # grey stays
    planes[0, 0, 1] = planes[1, 0, 2] = planes[2, 0, 3] = 255
    pixels.jitter(planes, np.array([pixels.HUE]), np.array([0, 0, 0, 1 / 3], np.float32))
    wanted = np.zeros((3, 4))
    wanted[:, 0] = 90
    wanted[1, 1] = wanted[2, 2] = wanted[0, 3] = 255
    np.testing.assert_allclose(planes[:, 0], wanted, atol=1e-3)


@pytest.mark.parametrize("radius", [0.1, 0.7, 2.0])
def test_blur_against_a_plain_convolution(radius: float) -> None:
    planes = _planes(1)
    half = pixels.gaussian(radius).astype(np.float64)
    kernel = np.concatenate([half[:0:-1], half])
    assert kernel.sum() == pytest.approx(1)
    n = len(half) - 1
    expected = planes.astype(np.float64)
    for axis in (1, 2):
        padded = np.pad(expected, [(0, 0), *((n, n) if a == axis else (0, 0) for a in (1, 2))], mode="edge")
        expected = np.apply_along_axis(lambda line: np.convolve(line, kernel, "valid"), axis, padded)
    pixels.blur(planes, pixels.gaussian(radius))
    np.testing.assert_allclose(planes, expected, atol=1e-3)


def test_grey_flip_and_finish() -> None:
    image = np.random.default_rng(2).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    planes = np.empty((3, 4, 5), np.float32)
    pixels.to_planes(image, True, planes)
    np.testing.assert_array_equal(planes, image[:, ::-1].transpose(2, 0, 1))
    grey = planes.copy()
    pixels.to_grey(grey)
    np.testing.assert_allclose(grey[1], (planes * np.array([0.299, 0.587, 0.114])[:, None, None]).sum(0), atol=1e-3)
    scale, shift = np.array([1, 2, 3], np.float32), np.array([0, 1, -1], np.float32)
    done = planes.copy()
    pixels.finish(done, True, scale, shift)
    turned = np.where(planes >= 128, 255 - planes, planes)
    np.testing.assert_allclose(done, turned * scale[:, None, None] + shift[:, None, None], atol=1e-3)
