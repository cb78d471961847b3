import pytest
import torch

from resight.models.initial import sincos_positions
from resight.pretrain.create import METHODS, create_task
from resight.pretrain.mocov3 import prepare_vit
from tests.pretrain.toy import OPTIONS, toy_backbone, toy_task, toy_views


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_every_kind_of_net(method: str) -> None:
    for backbone in (toy_backbone(), toy_backbone(shape={"convolution_stem": True}), toy_backbone(registers=2)):
        task = toy_task(method, backbone=backbone)
        terms = task.terms(task.model, toy_views(method))
        assert terms["loss"].ndim == 0
        terms["loss"].backward()
        trained = {name for name, value in task.model.named_parameters() if value.requires_grad}
        assert {name for name, value in task.model.named_parameters() if value.grad is not None} >= {
            name for name in trained if "last_layer" not in name
        }


@pytest.mark.parametrize("method", METHODS)
def test_a_resnet(method: str) -> None:
    from resight.pretrain.backbone import BackboneSettings

    task = toy_task(method, backbone=BackboneSettings("test_resnet", (32, 16)))
    assert torch.isfinite(task.terms(task.model, toy_views(method))["loss"])


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="choose one of dino, mocov2, mocov3, moby"):
        create_task("simclr", toy_backbone())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"DinoSettings has no temprature; it has prototypes, hidden"):
        create_task("dino", toy_backbone(), {"temprature": 0.1})


def test_views_that_the_net_cannot_take() -> None:
    create_task("dino", toy_backbone(), OPTIONS["dino"], sizes=[(32, 16), (16, 8)])
    with pytest.raises(ValueError, match=r"views of 12x8 .* are not whole patches"):
        create_task("dino", toy_backbone(), OPTIONS["dino"], sizes=[(32, 16), (12, 8)])


def test_moco_v3_fixes_positions_and_patches() -> None:
    task = toy_task("mocov3")
    net = task.model.backbone
    assert torch.equal(net.pos_embed[0, 1:], sincos_positions((4, 2), 12))
    assert not net.pos_embed[0, 0].any()
    fixed = {name for name, value in net.named_parameters() if not value.requires_grad}
    assert fixed == {"pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"}
    with_stem = toy_task("mocov3", backbone=toy_backbone(shape={"convolution_stem": True})).model.backbone
    assert all(value.requires_grad for value in with_stem.patch_embed.parameters())
    bound = (6 / (12 + 12)) ** 0.5
    query = net.blocks[0].attn.qkv.weight
    assert 0.8 * bound < query.abs().max() <= bound
    net.pos_embed = None
    with pytest.raises(ValueError, match="no table of positions"):
        prepare_vit(net)


def test_stochastic_depth_is_on_the_trained_side_alone() -> None:
    for method in METHODS:
        task = toy_task(method)
        rates = [
            [module.drop_prob for module in net.modules() if type(module).__name__ == "DropPath"]
            for net in (task.model, task.target)
        ]
        assert max(rates[0]) == pytest.approx(0.3)
        assert not any(rates[1])
