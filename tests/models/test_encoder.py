from unittest import mock

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch.testing import assert_close

from resight.models.encoder import TransReIDEncoder
from resight.models.jigsaw import jigsaw_parts
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


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"class_token": False, "global_pool": "avg"}, "no class token"),
        ({"reg_tokens": 2}, "register tokens"),
        ({"no_embed_class": True}, "no position for the class token"),
        ({"pre_norm": True}, "a norm before the blocks"),
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
