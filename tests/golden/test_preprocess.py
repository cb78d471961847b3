"""Resize, normalisation and decoding against the official pipeline."""

import re

import PIL
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from resight.data.decode import open_image
from resight.data.transforms import EvalTransform, TrainTransform, resize
from tests.golden.discovery import GoldenCase, parametrize


def _filter(stated: str) -> str:
    """ "InterpolationMode.BICUBIC" is our "bicubic"."""
    return stated.rsplit(".", 1)[-1].lower()


def _levels(case: GoldenCase) -> int:
    """How far a resized pixel may be off: not at all with the Pillow of the recording, else as the file says."""
    stated = re.search(r"at most (\d+)", str(case.settings["tolerance"]["uint8"]))
    return 0 if stated is None or case.settings.get("pillow") == PIL.__version__ else int(stated[1])


def _numbered(tensors: dict[str, Tensor], prefix: str) -> dict[int, Tensor]:
    return {int(key.removeprefix(prefix)): value for key, value in tensors.items() if key.startswith(prefix)}


def _images(case: GoldenCase) -> dict[int, Image.Image]:
    return {number: open_image(pixels.numpy()) for number, pixels in _numbered(case.load("inputs"), "image_").items()}


def _assert_pixels(ours: Tensor, expected: Tensor, levels: int, what: str) -> None:
    difference = (ours.permute(1, 2, 0).int() - expected.int()).abs().max().item()
    assert difference <= levels, f"{what}: {difference} levels off, {levels} allowed"


@parametrize("preprocess")
def test_resize(case: GoldenCase) -> None:
    outputs, images, levels = case.load("outputs"), _images(case), _levels(case)
    checked = 0
    for name, config in case.settings["configs"].items():
        size = tuple(config["size_hw"])
        for part in ("test", "train"):
            for number, expected in _numbered(outputs, f"{name}/{part}_resized_uint8_").items():
                ours = resize(images[number], size, _filter(config[f"{part}_resize"]))
                _assert_pixels(ours, expected, levels, f"{name}, {part}, image {number}")
                checked += 1
    assert checked == sum("resized_uint8" in key for key in outputs)


@parametrize("preprocess")
def test_our_defaults_are_the_official_filters(case: GoldenCase) -> None:
    for config in case.settings["configs"].values():
        size = tuple(config["size_hw"])
        assert EvalTransform(size).interpolation == _filter(config["test_resize"])
        assert TrainTransform(size).interpolation == _filter(config["train_resize"])


@parametrize("preprocess")
def test_eval_transform(case: GoldenCase) -> None:
    outputs, images, tolerance = case.load("outputs"), _images(case), case.tolerance("float")
    checked = 0
    for name, config in case.settings["configs"].items():
        transform = EvalTransform(
            tuple(config["size_hw"]),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation=_filter(config["test_resize"]),
        )
        for number, expected in _numbered(outputs, f"{name}/test_output_").items():
            assert_close(transform(images[number]), expected, **tolerance, msg=lambda m, n=name: f"{n}: {m}")
            checked += 1
    assert checked == sum("/test_output_" in key for key in outputs)


@parametrize("preprocess")
def test_png_bytes_give_the_same_pixels(case: GoldenCase) -> None:
    inputs = case.load("inputs")
    files = _numbered(inputs, "png_")
    for number, content in files.items():
        image = open_image(bytes(content.tolist()))
        ours = resize(image, (image.height, image.width), "bilinear").permute(1, 2, 0)
        assert torch.equal(ours, inputs[f"image_{number}"])
    assert set(files) == set(_numbered(inputs, "image_"))
