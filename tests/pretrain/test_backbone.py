import pytest
import timm
import torch
from torch.testing import assert_close

from resight.models.backbones import ViTShape, create_vit
from resight.pretrain.backbone import BackboneSettings, check_view_size, create_backbone
from resight.pretrain.crop_vit import CropViT
from resight.pretrain.positions import positions_for
from tests.pretrain.toy import toy_backbone


def test_own_size_gives_what_timm_gives() -> None:
    vit = create_vit(ViTShape(12, 3, 3), image_size=(32, 16), patch_size=8)
    images = torch.randn(2, 3, 32, 16)
    expected = vit.eval()(images)
    net = CropViT(vit).eval()
    assert set(net.state_dict()) == set(vit.state_dict())
    assert_close(net(images), expected)
    assert_close(net.tokens(images)[:, 0], expected)


def test_the_short_last_block_has_the_gradients_of_the_whole() -> None:
    net = create_backbone(toy_backbone(drop_path=0.0)).double()
    images = torch.randn(3, 3, 16, 8, dtype=torch.float64)
    found = []
    for features in (net(images), net.tokens(images)[:, 0]):  # type: ignore[operator]
        found.append(torch.autograd.grad(features.square().sum(), list(net.parameters())))
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


def test_positions_of_a_crop_get_a_gradient() -> None:
    table = torch.randn(1, 9, 4, requires_grad=True)
    moved = positions_for(table, (4, 2), (2, 1))
    assert moved.shape == (1, 3, 4)
    moved.sum().backward()
    assert (table.grad != 0).any(-1).all()
    assert positions_for(table, (4, 2), (4, 2)) is table
    assert positions_for(table, (4, 2), (2, 4)).shape == (1, 9, 4)  # as many patches, another grid
    assert not torch.equal(positions_for(table, (4, 2), (2, 4)), table)


def test_registers_have_a_place_of_their_own() -> None:
    plain, more = (create_backbone(toy_backbone(registers=count, drop_path=0.0)) for count in (0, 3))
    images = torch.randn(2, 3, 32, 16)
    assert more.tokens(images).shape[1] == plain.tokens(images).shape[1] + 3  # type: ignore[operator]
    assert more(torch.randn(2, 3, 16, 8)).shape == (2, 12)
    same = timm.create_model("vit_tiny_patch16_224", img_size=(32, 16), patch_size=8, embed_dim=12, depth=2,
                             num_heads=3, mlp_ratio=2.0, reg_tokens=3, num_classes=0)  # fmt: skip
    same.load_state_dict(more.state_dict())
    assert_close(same.eval()(images), more.eval()(images))


def test_a_convolution_stem_takes_small_crops() -> None:
    net = create_backbone(toy_backbone(shape={"convolution_stem": True}))
    assert net(torch.randn(2, 3, 32, 16)).shape == net(torch.randn(2, 3, 16, 8)).shape == (2, 12)


def test_gradient_checkpointing_changes_no_gradient() -> None:
    images = torch.randn(2, 3, 32, 16)
    net = create_backbone(toy_backbone(drop_path=0.0))
    gradients = []
    for enable in (False, True):
        net.gradient_checkpointing = enable  # type: ignore[assignment]
        gradients.append(torch.autograd.grad(net(images).sum(), list(net.parameters())))
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
    assert create_backbone(toy_backbone(gradient_checkpointing=True)).gradient_checkpointing


@pytest.mark.parametrize(
    ("name", "width"),
    [("resnet50", 2048), ("test_vit", 64), ("test_vit2", 64), ("test_resnet", 512), ("test_efficientnet", 256)],
)
def test_nets_of_timm(name: str, width: int) -> None:
    if name != "resnet50" and not timm.is_model(name):
        pytest.skip("this timm has no such net")
    net = create_backbone(BackboneSettings(name, (64, 32), drop_path=0.1)).eval()
    with torch.no_grad():
        features = [net(torch.randn(1, 3, *size)) for size in ((64, 32), (32, 32))]
    assert features[0].shape == features[1].shape
    assert features[0].ndim == 2


def test_a_rotary_vit_runs_as_timm_runs_it() -> None:
    net = create_backbone(BackboneSettings("test_vit3", (64, 32)))
    assert net(torch.randn(1, 3, 32, 32)).ndim == 2


def test_sizes_that_patches_do_not_fill() -> None:
    net = create_backbone(toy_backbone())
    check_view_size(net, (16, 8))
    for size in ((12, 8), (16, 4), (0, 8)):
        with pytest.raises(ValueError, match=r"are not whole patches of 8 pixels; take sides divisible by 8"):
            check_view_size(net, size)


def test_a_net_of_one_size_says_so() -> None:
    net = create_backbone(BackboneSettings("mixer_s32_224", (64, 64)))
    with pytest.raises(ValueError, match=r"the net cannot take views of 32x32 \(height x width\)"):
        check_view_size(net, (32, 32))


def test_what_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="there is no backbone named 'vit_smal'"):
        create_backbone(BackboneSettings("vit_smal"))
    with pytest.raises(ValueError, match="resnet50 cannot have registers"):
        create_backbone(BackboneSettings("resnet50", registers=4))
    with pytest.raises(ValueError, match="resnet50 cannot have initial_weights"):
        create_backbone(BackboneSettings("resnet50", initial_weights="structured"))
    with pytest.raises(ValueError, match="count of 0 or more"):
        create_backbone(toy_backbone(registers=-1))
