import pytest
import torch
from torch import nn
from torch.testing import assert_close

from resight.models.conv_stem import ConvStem, InstanceBatchNorm
from tests.models.tiny import shake, weightless


def test_half_of_the_channels_are_normed_by_image_and_half_by_batch():
    norm = shake(InstanceBatchNorm(6)).train()
    images = torch.randn(4, 6, 5, 3) * torch.arange(1.0, 5).view(4, 1, 1, 1)
    result = norm(images)
    for part, layer, axes in ((slice(0, 3), norm.IN, (2, 3)), (slice(3, 6), norm.BN, (0, 2, 3))):
        values = images[:, part]
        centred = values - values.mean(axes, keepdim=True)
        normed = centred / (values.var(axes, unbiased=False, keepdim=True) + 1e-5).sqrt()
        expected = normed * layer.weight.view(1, 3, 1, 1) + layer.bias.view(1, 3, 1, 1)
        assert_close(result[:, part], expected, atol=1e-5, rtol=1e-5)


def test_an_odd_number_of_channels():
    norm = InstanceBatchNorm(5)
    assert (norm.IN.num_features, norm.BN.num_features) == (2, 3)
    assert norm(torch.randn(2, 5, 4, 4)).shape == (2, 5, 4, 4)


def test_names_are_the_official_ones():
    learned = {f"conv.{number}.weight" for number in (0, 3, 6)} | {"proj.weight", "proj.bias"}
    learned |= {
        f"conv.{number}.{kind}.{name}" for number in (1, 4) for kind in ("IN", "BN") for name in ("weight", "bias")
    }
    learned |= {"conv.7.weight", "conv.7.bias"}
    assert {name for name, _ in ConvStem(32).named_parameters()} == learned


@pytest.mark.parametrize(("width", "projection"), [(384, 1_573_248), (768, 3_146_496)])
def test_parameter_counts(width, projection):
    with weightless():
        stem = ConvStem((256, 128), embed_dim=width)
    assert sum(value.numel() for value in stem.conv.parameters()) == 83_520
    assert sum(value.numel() for value in stem.proj.parameters()) == projection
    assert stem.grid_size == (16, 8)


@pytest.mark.parametrize("size", [(64, 32), (63, 33), (32, 18), (50, 47)])
@pytest.mark.parametrize(("patch", "stride"), [(16, 16), (16, 12), (16, 2), (8, 4)])
def test_the_grid_is_what_comes_out(size, patch, stride):
    stem = ConvStem(size, patch, embed_dim=4, stride=stride)
    tokens = stem(torch.randn(2, 3, *size))
    assert tokens.shape == (2, stem.num_patches, 4)
    assert stem.num_patches == stem.grid_size[0] * stem.grid_size[1]


@pytest.mark.parametrize("stride", [16, 14, 12])
def test_tokens_are_as_many_as_those_of_a_patch_convolution(stride):
    with weightless():
        stem = ConvStem((256, 128), stride=stride)
    assert stem.grid_size == ((256 - 16) // stride + 1, (128 - 16) // stride + 1)


def test_tokens_are_row_by_row():
    stem = ConvStem((48, 32), embed_dim=4).eval()
    image = torch.randn(1, 3, 48, 32)
    changed = image.clone()
    changed[:, :, 40:, :4] += 1  # within the patch of row 2, column 0
    moved = (stem(changed) - stem(image)).abs().sum(2)[0]
    # Instance norm tells the rest of the image of the change, but far less.
    assert moved.argmax() == 4


@pytest.mark.parametrize(("patch", "stride"), [(16, 11), (15, 10)])
def test_odd_patches_and_strides_are_refused(patch, stride):
    with pytest.raises(ValueError, match=f"must be even, not {patch} and {stride}; use even ones"):
        ConvStem((64, 32), patch, stride=stride)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="a patch of 16 pixels does not fit an image of 64x8"):
        ConvStem((64, 8))
    with pytest.raises(ValueError, match=r"takes images of 64x32 \(height x width\), got 32x64"):
        ConvStem((64, 32))(torch.zeros(1, 3, 32, 64))


def test_initial_values():
    torch.manual_seed(0)
    stem = ConvStem((64, 32), embed_dim=96)
    for layer in (stem.conv[0], stem.conv[3], stem.conv[6], stem.proj):
        area = layer.kernel_size[0] * layer.kernel_size[1]
        assert layer.weight.std().item() == pytest.approx((2 / (area * layer.out_channels)) ** 0.5, rel=0.03)
    norms = [layer for layer in stem.modules() if isinstance(layer, (nn.BatchNorm2d, nn.InstanceNorm2d))]
    assert len(norms) == 5
    assert all((layer.weight == 1).all() and not layer.bias.any() for layer in norms)


def test_half_precision_is_still_a_method():
    assert ConvStem((32, 16), embed_dim=4).bfloat16()(torch.zeros(2, 3, 32, 16).bfloat16()).dtype == torch.bfloat16
    assert InstanceBatchNorm(4).half().BN.weight.dtype == torch.float16
