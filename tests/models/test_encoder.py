from unittest import mock

import pytest
import torch
from timm.layers.mlp import SwiGLU
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch.testing import assert_close

from resight.models.encoder import TransReIDEncoder
from resight.models.jigsaw import jigsaw_parts
from resight.models.plain_vit import use_overlap
from resight.models.pooling import generalized_mean
from resight.models.side_information import SideInformation
from tests.models.tiny import IMAGE_SIZE, PATCH, SHAPE, images, shake, tiny_vit

PARTS = jigsaw_parts(8, parts=3, shift=2)


def encoder(**settings: object) -> TransReIDEncoder:
    return TransReIDEncoder(tiny_vit(), **settings).eval()


def test_without_parts_it_is_the_vit():
    expected = tiny_vit().eval().forward_features(images())[:, 0]
    assert_close(encoder()(images())[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_overlapping_patches():
    vit = tiny_vit(stride=5).eval()
    assert vit.patch_embed.num_patches == 5 * 2
    expected = vit.forward_features(images())[:, 0]
    assert_close(TransReIDEncoder(vit).eval()(images())[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_a_single_block():
    vit = tiny_vit()
    del vit.blocks[1]
    expected = vit.eval().forward_features(images())[:, 0]
    assert_close(TransReIDEncoder(vit).eval()(images())[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_branches():
    model = encoder(parts=PARTS)
    shake(model.local_branch, seed=9)
    features = model(images())
    assert (model.num_branches, model.num_parts, model.dim) == (4, 3, SHAPE.width)
    assert features.shape == (3, 4, SHAPE.width)
    tokens = model.trunk(model.embed(images()))
    assert_close(features[:, 0], model.global_branch(tokens))
    for number, part in enumerate(PARTS):
        sequence = torch.cat([tokens[:, :1], tokens[:, 1:][:, part]], dim=1)
        expected = model.local_branch.norm(model.local_branch.block(sequence)[:, 0])
        assert_close(features[:, 1 + number], expected, atol=1e-5, rtol=1e-5)


def test_the_local_branch_starts_as_a_copy_and_learns_by_itself():
    model = encoder(parts=PARTS)
    ours, copied = model.global_branch.state_dict(), model.local_branch.state_dict()
    assert set(ours) == set(copied)
    assert all(torch.equal(ours[name], copied[name]) for name in ours)
    model(images())[:, 0].sum().backward()
    assert not any(value.grad.any() for value in model.local_branch.parameters())
    assert any(value.grad.any() for value in model.global_branch.parameters())


def test_side_information_is_on_every_token():
    side = shake(SideInformation(3, 0, SHAPE.width, 2.0))
    with_side, without = encoder(side_information=side), encoder()
    camera = torch.tensor([2, -1, 0])
    added = with_side.embed(images(), camera) - without.embed(images())
    assert_close(added, side(3, camera).expand(-1, 9, -1), atol=1e-5, rtol=1e-5)


def test_gradient_checkpointing_changes_nothing():
    gradients = []
    for checkpointing in (False, True):
        model = encoder(parts=PARTS).train()
        model.gradient_checkpointing = checkpointing
        with mock.patch("resight.models.encoder.checkpoint", wraps=torch.utils.checkpoint.checkpoint) as used:
            model(images()).square().sum().backward()
        assert used.call_count == (len(model.blocks) if checkpointing else 0)
        gradients.append([value.grad for value in model.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert_close(plain, checkpointed)


def test_checkpointing_is_for_gradients_only():
    model = encoder()
    model.gradient_checkpointing = True
    with mock.patch("resight.models.encoder.checkpoint") as used, torch.no_grad():
        model(images())
    used.assert_not_called()


def test_parts_are_not_weights():
    assert not [name for name in encoder(parts=PARTS).state_dict() if "parts" in name]


def other_vit(kind: type = VisionTransformer, **settings: object) -> torch.nn.Module:
    """One of timm's, shaken, with our patch embedding."""
    sizes = {"img_size": IMAGE_SIZE, "patch_size": PATCH, "embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 0}
    vit = shake(kind(**{**sizes, **settings}))
    use_overlap(vit, IMAGE_SIZE, None)
    return vit.eval()


ROTARY = {"use_rot_pos_emb": True, "global_pool": "token", "rope_rotate_half": True}
BUILDS = {
    "registers": {"reg_tokens": 2},
    "registers and positions of patches alone": {"reg_tokens": 2, "no_embed_class": True},
    "positions of patches alone": {"no_embed_class": True},
    "no positions": {"pos_embed": "none"},
    "norm before the blocks": {"pre_norm": True},
    "layer scale, other activation and MLP": {"init_values": 0.3, "act_layer": "quick_gelu", "mlp_layer": SwiGLU},
    "norms of queries and keys": {"qk_norm": True},
    "distillation token": {"kind": VisionTransformerDistilled},
    "rotary positions alone": {"kind": Eva, **ROTARY, "rope_type": "dinov3", "use_abs_pos_emb": False},
    "both positions, registers": {"kind": Eva, **ROTARY, "num_reg_tokens": 2, "swiglu_mlp": True, "qkv_fused": False},
}


@pytest.mark.parametrize("settings", BUILDS.values(), ids=BUILDS)
def test_other_builds_give_what_timm_gives(settings):
    vit = other_vit(**settings)
    expected = vit.forward_features(images())
    model = TransReIDEncoder(vit).eval()
    assert_close(model(images())[:, 0], expected[:, 0], atol=1e-5, rtol=1e-5)
    leading = vit.num_prefix_tokens
    assert len(model.embed(images())[0]) == leading + 8
    for pooling in ("average", "gem"):
        patches = expected[:, leading:]
        pooled = patches.mean(1) if pooling == "average" else expected[:, 0] + generalized_mean(patches, 1)
        assert_close(TransReIDEncoder(vit, pooling=pooling).eval()(images())[:, 0], pooled, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["registers and positions of patches alone", "distillation token", "registers"])
def test_all_leading_tokens_join_every_part(name):
    vit = other_vit(**BUILDS[name])
    leading = vit.num_prefix_tokens
    model = TransReIDEncoder(vit, parts=PARTS).eval()
    tokens = model.trunk(model.embed(images()))
    features = model(images())
    for number, part in enumerate(PARTS):
        sequence = torch.cat([tokens[:, :leading], tokens[:, leading:][:, part]], dim=1)
        expected = model.local_branch.norm(model.local_branch.block(sequence)[:, 0])
        assert_close(features[:, 1 + number], expected, atol=1e-5, rtol=1e-5)


def test_rotary_positions_turn_the_patches_of_a_part():
    vit = other_vit(**BUILDS["both positions, registers"])
    model = TransReIDEncoder(vit, parts=PARTS).eval()
    rope = model.rotary()["rope"]
    tokens = model.trunk(model.embed(images()), rope=rope)
    features = model(images())
    for number, part in enumerate(PARTS):
        sequence = torch.cat([tokens[:, :3], tokens[:, 3:][:, part]], dim=1)
        expected = model.local_branch.norm(model.local_branch.block(sequence, rope=rope[part])[:, 0])
        assert_close(features[:, 1 + number], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("settings", BUILDS.values(), ids=BUILDS)
def test_all_parameters_of_other_builds_learn(settings):
    side = SideInformation(2, 0, SHAPE.width)
    model = TransReIDEncoder(other_vit(**settings), parts=PARTS, side_information=side).train()
    model.gradient_checkpointing = True
    model(images(), torch.tensor([0, 1, -1])).square().sum().backward()
    assert not [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]


def test_pooling_does_not_go_with_parts():
    with pytest.raises(ValueError, match="pooling='gem' reads the patches of the whole image, jigsaw parts"):
        encoder(parts=PARTS, pooling="gem")


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"class_token": False, "global_pool": "avg"}, "no class token"),
        ({"patch_drop_rate": 0.5}, "patch dropout"),
        ({"dynamic_img_size": True}, "images of any size"),
    ],
)
def test_a_vit_that_is_not_plain_is_refused(settings, what):
    vit = VisionTransformer(
        img_size=IMAGE_SIZE, patch_size=PATCH, embed_dim=24, depth=2, num_heads=3, num_classes=0, **settings
    )
    with pytest.raises(ValueError, match=f"takes a plain ViT; this one has .*{what}"):
        TransReIDEncoder(vit)
