import logging
import re
from unittest import mock

import pytest
import timm
import torch
from torch.testing import assert_close

from resight.models import create_model
from resight.models.any_timm import TimmEncoder
from resight.models.encoder import TransReIDEncoder
from tests.models.tiny import shake

SIZE = (64, 32)


def model(name: str, **settings: object) -> torch.nn.Module:
    return create_model(name, **{"num_classes": 0, "image_size": SIZE, **settings})


def crops(size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["test_vit", "vit_tiny_patch16_224.augreg_in21k"])
def test_a_plain_vit_becomes_transreid(name):
    net = model(name)
    assert isinstance(net.encoder, TransReIDEncoder)
    theirs = shake(timm.create_model(name, num_classes=0, img_size=SIZE)).eval()
    vit = shake(timm.create_model(name, num_classes=0, img_size=SIZE))
    with mock.patch.object(timm, "create_model", return_value=vit):
        net = model(name).eval()
    with torch.no_grad():
        assert_close(net.encoder(crops())[:, 0], theirs.forward_features(crops())[:, 0], atol=1e-5, rtol=1e-5)


def test_a_plain_vit_has_all_of_transreid():
    net = model("test_vit", stride=8, jigsaw=True, jigsaw_parts=2, num_cameras=3, side_coefficient=2.0)
    assert net.encoder.patch_embed.grid_size == (7, 3)
    assert (net.encoder.num_branches, net.encoder.side_information.coefficient) == (3, 2.0)
    assert net.encoder(crops(), torch.tensor([2, -1])).shape == (2, 3, 64)


def test_patches_of_a_timm_vit_are_its_own():
    assert model("vit_tiny_patch16_224", patch_size=16).encoder.patch_embed.grid_size == (4, 2)
    with pytest.raises(ValueError, match="test_vit has patches of 16 pixels, not 8; leave patch_size out"):
        model("test_vit", patch_size=8)


def test_images_that_patches_do_not_divide():
    net = model("test_vit", image_size=(70, 40))
    assert net.encoder.patch_embed.grid_size == (4, 2)
    assert net(crops((70, 40))).embedding.shape == (2, 64)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit2", "test_efficientnet", "test_maxvit"])
def test_any_other_net_gives_its_pooled_feature(name):
    net = model(name).eval()
    assert isinstance(net.encoder, TimmEncoder)
    with torch.no_grad():
        features = net.encoder(crops())
        inside = net.encoder.net
        pooled = inside.forward_head(inside.forward_features(crops()), pre_logits=True)
    assert features.shape == (2, 1, net.encoder.dim)
    assert_close(features[:, 0], pooled, atol=1e-5, rtol=1e-5)


def test_average_instead_of_attention_pooling():
    assert model("test_vit3").encoder.net.attn_pool is not None
    net = model("test_vit3", pooling="average").eval()
    with torch.no_grad():
        expected = net.encoder.net.forward_features(crops()).mean(1)
        assert_close(net.encoder(crops())[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_gem_is_not_the_average():
    torch.manual_seed(0)
    average = model("test_resnet").eval()
    torch.manual_seed(0)
    gem = model("test_resnet", pooling="gem").eval()
    with torch.no_grad():
        assert not torch.allclose(average.encoder(crops()), gem.encoder(crops()), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("test_resnet", {"jigsaw": True}, "test_resnet cannot have jigsaw=True: it has the build of a ResNet; a plain"),
        ("test_vit2", {"num_cameras": 2, "stride": 8}, "stride=8, num_cameras=2: it has no class token"),
        ("test_convnext", {"dropout": 0.1}, "test_convnext cannot have dropout=0.1: its layers have no such dropout"),
        ("test_convnext", {"attention_dropout": 0.1}, "attention_dropout=0.1: its attention has no dropout"),
        ("test_convnext", {"initial_weights": "structured"}, "initial_weights=structured: it has the build of"),
        ("test_vit", {"initial_weights": "structured"}, "begin as timm does; use initial_weights=official"),
        ("test_convnext", {"patch_size": 8}, "patch_size=8: it has the build of a ConvNeXt"),
        ("test_convnext", {"shape": {"depth": 3}}, r"leave shape=\{'depth': 3\} out"),
        ("test_vit2", {"pooling": "gem"}, "does not pool a feature map, so it has no gem"),
        ("test_convnext", {"pooling": "max"}, "pooling must be 'default', 'average' or 'gem', not 'max'"),
        ("test_vit.no_such_tag", {}, r"timm cannot build test_vit.no_such_tag .*Invalid pretrained tag"),
        ("hf-hub:timm/test_vit", {}, "no model named 'hf-hub:timm/test_vit'"),
    ],
)
def test_what_cannot_be_had(name, settings, message):
    with pytest.raises(ValueError, match=message):
        model(name, **settings)


def test_dropouts_arrive_where_the_net_has_them():
    net = model("test_vit", dropout=0.3, attention_dropout=0.4, drop_path=0.2)
    block = net.encoder.global_branch.block
    assert (net.encoder.pos_drop.p, block.mlp.drop1.p, block.attn.attn_drop.p) == (0.3, 0.3, 0.4)
    assert block.drop_path1.drop_prob == pytest.approx(0.2)
    last = model("test_convnext", drop_path=0.2).encoder.net.stages[-1].blocks[-1]
    assert last.drop_path.drop_prob == pytest.approx(0.2)


def test_a_net_without_stochastic_depth_leaves_it_out(caplog):
    with caplog.at_level(logging.INFO, "resight"):
        model("densenet121", drop_path=0.1)
    assert "densenet121 has no stochastic depth; drop_path=0.1 is left out" in caplog.text


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit2"])
def test_gradient_checkpointing_changes_no_gradient(name):
    torch.manual_seed(0)
    net = model(name, drop_path=0.0).train().encoder
    gradients = []
    for enable in (False, True):
        net.gradient_checkpointing = enable
        assert net.gradient_checkpointing is enable
        net.zero_grad()
        net(crops()).square().sum().backward()
        gradients.append([value.grad.clone() for value in net.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert_close(plain, checkpointed, atol=1e-5, rtol=1e-4)


def test_gradient_checkpointing_is_off_again():
    encoder = model("test_convnext").encoder
    with mock.patch.object(encoder.net, "set_grad_checkpointing") as switch:
        encoder.gradient_checkpointing = False
        switch.assert_not_called()
        encoder.gradient_checkpointing = True
        encoder.gradient_checkpointing = False
    assert [call.args for call in switch.call_args_list] == [(True,), (False,)]


def test_a_net_without_gradient_checkpointing():
    encoder = model("test_convnext").encoder
    with (
        mock.patch.object(encoder.net, "set_grad_checkpointing", side_effect=AssertionError),
        pytest.raises(ValueError, match="timm has no gradient checkpointing for a ConvNeXt; switch it off"),
    ):
        encoder.gradient_checkpointing = True
    assert encoder.gradient_checkpointing is False


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "test_maxvit"])
def test_windows_at_the_size_of_a_person(name):
    with mock.patch.object(timm, "create_model", wraps=timm.create_model) as made:
        net = model(name, image_size=(256, 128), drop_path=0.0).eval()
    assert made.call_args.kwargs["img_size"] == (256, 128)
    with torch.no_grad():
        assert net(crops((256, 128))[:1]).embedding.shape == (1, net.encoder.dim)


def test_an_image_size_that_the_net_cannot_have():
    with pytest.raises(ValueError, match=re.escape("mvitv2_tiny for images of 64x32; it was made for 224x224: ")):
        model("mvitv2_tiny")


def test_other_type_errors_are_not_swallowed():
    with (
        mock.patch.object(timm, "create_model", side_effect=TypeError("unsupported operand")),
        pytest.raises(TypeError, match="unsupported operand"),
    ):
        model("test_vit")
