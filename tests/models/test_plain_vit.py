import pytest
import timm
import torch
from timm.models.eva import Eva
from timm.models.vision_transformer import ParallelScalingBlock, VisionTransformer
from torch import nn
from torch.testing import assert_close

from resight.models.patch_embed import OverlapPatchEmbed
from resight.models.plain_vit import obstacles, use_overlap
from tests.models.tiny import IMAGE_SIZE, PATCH, images, shake, tiny_vit

SIZES = {"img_size": IMAGE_SIZE, "patch_size": PATCH, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 0}


def vit(**settings: object) -> nn.Module:
    return VisionTransformer(**{**SIZES, **settings})


def eva(**settings: object) -> nn.Module:
    return Eva(**{**SIZES, "global_pool": "token", "use_rot_pos_emb": True, **settings})


def test_plain_ones_have_no_obstacle():
    assert obstacles(tiny_vit()) == obstacles(vit()) == obstacles(eva()) == []


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: vit(class_token=False, global_pool="avg", fc_norm=False), "no class token"),
        (lambda: vit(global_pool="avg"), "no norm that the class token passes"),
        (lambda: vit(global_pool="map"), "attention pooling"),
        (lambda: vit(patch_drop_rate=0.5), "patch dropout"),
        (lambda: eva(patch_drop_rate=0.5), "patch dropout"),
        (lambda: vit(dynamic_img_size=True), "images of any size"),
        (lambda: eva(rope_type="mixed"), "rotary positions of another build"),
        (lambda: vit(block_fn=ParallelScalingBlock), "blocks of another build"),
        (lambda: eva(use_post_norm=True), "blocks of another build"),
        (lambda: eva(attn_type="rope"), "blocks of another build"),
        (lambda: vit(attn_layer="diff"), "blocks of another build"),
        (lambda: vit(embed_norm_layer="layernorm"), "a patch embedding of another build"),
        (lambda: vit(patch_size=(8, 4)), "a patch embedding of another build"),
        (lambda: timm.create_model("test_resnet"), "the build of a ResNet"),
    ],
)
def test_obstacles(make, found):
    assert obstacles(make()) == [found]


def test_our_patch_embedding_gives_the_same_tokens():
    net = shake(vit(pre_norm=True)).eval()
    expected, table = net.patch_embed(images()), net.pos_embed
    use_overlap(net, IMAGE_SIZE, None)
    assert isinstance(net.patch_embed, OverlapPatchEmbed)
    assert net.patch_embed.proj.bias is None
    assert_close(net.patch_embed(images()), expected)
    assert net.pos_embed is table


@pytest.mark.parametrize(("settings", "leading"), [({}, 1), ({"reg_tokens": 2}, 3), ({"no_embed_class": True}, 0)])
def test_with_overlap_positions_start_anew(settings, leading):
    torch.manual_seed(0)
    net = vit(**settings)
    use_overlap(net, IMAGE_SIZE, 4)
    assert net.patch_embed.grid_size == (7, 3)
    assert net.pos_embed.shape == (1, leading + 21, 24)
    assert net.pos_embed.std().item() == pytest.approx(0.02, rel=0.15)
    assert net.forward_features(images()).shape[1] == net.num_prefix_tokens + 21


@pytest.mark.parametrize("rope_type", ["cat", "dinov3"])
def test_with_overlap_rotary_positions_follow(rope_type):
    net = eva(rope_type=rope_type, use_abs_pos_emb=False)
    use_overlap(net, IMAGE_SIZE, 4)
    assert net.pos_embed is None
    larger = eva(rope_type=rope_type, img_size=(7 * PATCH, 3 * PATCH))
    assert_close(net.rope.get_embed(), larger.rope.get_embed())
    assert net.forward_features(images()).shape[1] == 1 + 21
