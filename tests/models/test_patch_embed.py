import math

import pytest
import torch
from torch.testing import assert_close

from resight.models.patch_embed import OverlapPatchEmbed, patch_grid


# Section 2 of the architecture notes: image, stride, grid.
@pytest.mark.parametrize(
    ("image_size", "stride", "grid"),
    [
        ((256, 128), 16, (16, 8)),
        ((256, 128), 14, (18, 9)),
        ((256, 128), 12, (21, 10)),
        ((256, 128), 11, (22, 11)),
        ((384, 128), 16, (24, 8)),
        ((384, 128), 12, (31, 10)),
        ((256, 256), 12, (21, 21)),
        ((16, 16), 16, (1, 1)),
        ((31, 16), 16, (1, 1)),
    ],
)
def test_grid(image_size, stride, grid):
    assert patch_grid(image_size, 16, stride) == grid


@pytest.mark.parametrize("image_size", [(15, 128), (256, 15)])
def test_a_patch_that_does_not_fit(image_size):
    with pytest.raises(ValueError, match=f"16 pixels does not fit an image of {image_size[0]}x{image_size[1]}"):
        patch_grid(image_size, 16, 16)


@pytest.mark.parametrize(("patch_size", "stride"), [(0, 1), (16, 0), (16, -2)])
def test_sizes_must_be_positive(patch_size, stride):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        patch_grid((256, 128), patch_size, stride)


def test_tokens_are_dot_products_with_the_patches_row_by_row():
    embed = OverlapPatchEmbed((20, 14), patch_size=8, embed_dim=5, stride=6)
    images = torch.randn(2, 3, 20, 14)
    tokens = embed(images)
    assert embed.grid_size == (3, 2)
    assert embed.num_patches == 6
    expected = [
        [(image[:, y : y + 8, x : x + 8] * embed.proj.weight).sum((1, 2, 3)) for y in (0, 6, 12) for x in (0, 6)]
        for image in images
    ]
    stacked = torch.stack([torch.stack(rows) for rows in expected]) + embed.proj.bias
    assert_close(tokens, stacked, atol=1e-5, rtol=1e-5)


def test_without_stride_patches_do_not_overlap():
    embed = OverlapPatchEmbed(32, patch_size=8, embed_dim=4)
    assert (embed.stride, embed.img_size, embed.grid_size) == (8, (32, 32), (4, 4))


def test_initial_weights():
    weight = OverlapPatchEmbed((32, 32), patch_size=16, embed_dim=64).proj.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 16 * 64)), rel=0.03)
    assert weight.mean().item() == pytest.approx(0, abs=3e-4)


def test_another_image_size_is_an_error():
    embed = OverlapPatchEmbed((32, 16), patch_size=8, embed_dim=4)
    with pytest.raises(ValueError, match=r"32x16 \(height x width\), got 16x32"):
        embed(torch.zeros(1, 3, 16, 32))


def test_device_and_type_are_passed_on():
    embed = OverlapPatchEmbed((32, 16), patch_size=8, embed_dim=4, dtype=torch.float64, device=torch.device("meta"))
    assert embed.proj.weight.dtype == torch.float64
    assert embed.proj.weight.device.type == "meta"
