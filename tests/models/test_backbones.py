import pytest
import torch
from torch.testing import assert_close

from resight.models.backbones import VIT_SHAPES, ViTShape, create_vit
from tests.models.tiny import IMAGE_SIZE, PATCH, SHAPE, images, shake, weightless


def vit(shape: ViTShape = SHAPE, **settings: object) -> torch.nn.Module:
    return create_vit(shape, image_size=IMAGE_SIZE, patch_size=PATCH, **settings)


@pytest.mark.parametrize(("width", "depth", "heads"), [(0, 2, 3), (24, 0, 3), (24, 2, 0), (-24, 2, 3)])
def test_sizes_are_positive(width, depth, heads):
    with pytest.raises(ValueError, match="must be at least 1"):
        ViTShape(width, depth, heads)


def test_width_divides_by_heads():
    with pytest.raises(ValueError, match="width of 25 cannot be split over 3 heads"):
        ViTShape(25, 2, 3)


# Section 7 of the architecture notes: the block counts, and the backbones without their unused classifier.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vit_base", 86_515_432 - 769_000),
        ("deit_base", 86_515_432 - 769_000),
        ("deit_small", 22_024_552 - 385_000),
        ("vit_small", 22_024_552 - 385_000),
        ("vit_small_transreid", 48_702_184 - 769_000),
    ],
)
def test_parameter_counts(name, parameters):
    with weightless():
        backbone = create_vit(VIT_SHAPES[name], image_size=(256, 128))
    assert sum(value.numel() for value in backbone.parameters()) == parameters


@pytest.mark.parametrize(("stride", "parameters"), [(12, 86_578_408 - 769_000), (11, 86_602_984 - 769_000)])
def test_parameter_counts_with_overlap(stride, parameters):
    with weightless():
        backbone = create_vit(VIT_SHAPES["vit_base"], image_size=(256, 128), stride=stride)
    assert sum(value.numel() for value in backbone.parameters()) == parameters


def test_initial_values():
    torch.manual_seed(0)
    backbone = vit(ViTShape(96, 2, 3))
    for name in ("cls_token", "pos_embed", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.weight"):
        value = backbone.get_parameter(name)
        tolerance = 0.2 if name == "cls_token" else 0.05
        assert value.std().item() == pytest.approx(0.02, rel=tolerance), name
        assert abs(value.mean().item()) < 0.006, name
    for name, value in backbone.named_parameters():
        if name.endswith("bias") and not name.startswith("patch_embed"):
            assert not value.any(), name


def test_layer_norms_are_as_in_the_papers():
    norms = [module for module in vit().modules() if isinstance(module, torch.nn.LayerNorm)]
    assert len(norms) == 2 * SHAPE.depth + 1
    assert {norm.eps for norm in norms} == {1e-6}


def test_stochastic_depth_rises_linearly_from_zero():
    rates = [getattr(block.drop_path1, "drop_prob", 0.0) for block in vit(ViTShape(24, 5, 3), drop_path=0.2).blocks]
    assert rates == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])


def test_dropout():
    backbone = vit(dropout=0.3, attention_dropout=0.4)
    block = backbone.blocks[0]
    assert (backbone.pos_drop.p, block.attn.proj_drop.p, block.mlp.drop1.p) == (0.3, 0.3, 0.3)
    assert block.attn.attn_drop.p == 0.4


def test_no_bias_of_queries_keys_and_values():
    backbone = vit(ViTShape(24, 2, 3, mlp_ratio=3, qkv_bias=False))
    assert backbone.blocks[0].attn.qkv.bias is None
    assert backbone.blocks[0].mlp.fc1.out_features == 72


def test_attention_scale():
    """A scale of s gives the softmax of s * q k, computed here from the weights of the block."""
    scale = 24**-0.5
    attention = shake(vit(ViTShape(24, 1, 3, attention_scale=scale))).blocks[0].attn.eval()
    tokens = torch.randn(2, 5, 24)
    query, key, value = attention.qkv(tokens).view(2, 5, 3, 3, 8).permute(2, 0, 3, 1, 4)
    weights = (scale * query @ key.transpose(-2, -1)).softmax(-1)
    expected = attention.proj((weights @ value).transpose(1, 2).flatten(2))
    assert_close(attention(tokens), expected, atol=1e-5, rtol=1e-5)


def test_the_class_token_is_what_comes_out():
    backbone = shake(vit()).eval()
    assert_close(backbone(images()), backbone.forward_features(images())[:, 0])


@pytest.mark.parametrize("name", VIT_SHAPES)
def test_every_named_shape_can_be_built(name):
    with weightless():
        backbone = create_vit(VIT_SHAPES[name], image_size=(256, 128), stride=12)
    assert backbone.pos_embed.shape == (1, 211, VIT_SHAPES[name].width)
