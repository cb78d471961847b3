"""The batch that scorers see: images equal to those of the eval transform, features computed once."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from resight.data.transforms import EvalTransform, resize
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.scorer import ScoreBatch

TRANSFORM = EvalTransform((8, 4), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 11, 3), dtype=np.uint8))


def batch_of(image: Image.Image, autocast: torch.dtype | None = None) -> ScoreBatch:
    pixels = resize(image, TRANSFORM.image_size, TRANSFORM.interpolation)[None]
    return ScoreBatch(np.array([4]), {(TRANSFORM.image_size, TRANSFORM.interpolation): pixels}, {}, autocast)


def test_images_are_those_of_the_transform_to_the_bit(image: Image.Image) -> None:
    assert torch.equal(batch_of(image).images(TRANSFORM)[0], TRANSFORM(image))


def test_a_space_is_computed_once_for_all(image: Image.Image) -> None:
    calls = []

    def net(images: Tensor) -> Tensor:
        calls.append(len(images))
        return images.mean(dim=(2, 3))

    batch, one, other = batch_of(image), *(FeatureSpace(name, net, TRANSFORM, "") for name in "ab")
    assert batch.features(one) is batch.features(one)
    assert calls == [1]
    assert_close(batch.features(other), batch.features(one))
    assert calls == [1, 1]


def test_half_precision_reaches_the_net_and_features_are_float32(image: Image.Image) -> None:
    layer = torch.nn.Linear(32, 2)
    seen = []

    def net(images: Tensor) -> Tensor:
        result = layer(images[:, 0].flatten(1))
        seen.append(result.dtype)
        return result

    space = FeatureSpace("a", net, TRANSFORM, "")
    assert batch_of(image, torch.bfloat16).features(space).dtype == torch.float32
    assert batch_of(image).features(space).dtype == torch.float32
    assert seen == [torch.bfloat16, torch.float32]
