"""The net against torchvision's, changed by hand."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torchvision.models import resnet50

from resight.models import create_model
from resight.models.conv_stem import InstanceBatchNorm
from resight.models.resnet import RESNET_SHAPES, ResNetShape, create_resnet50
from tests.models.tiny import weightless

SIZE = (64, 32)


@pytest.fixture(scope="module")
def torchvision_net() -> nn.Module:
    """Without classifier, with statistics that are not 0 and 1."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = resnet50(weights=None)
        net.fc = nn.Identity()
        net.train()(torch.randn(4, 3, *SIZE))
    return net.eval()


def crops() -> torch.Tensor:
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def by_hand(net: nn.Module, shape: ResNetShape) -> torch.Tensor:
    """What the official code runs, step by step."""
    map_ = net.bn1(net.conv1(crops()))
    map_ = net.relu(map_) if shape.stem_relu else map_
    map_ = nn.functional.max_pool2d(map_, *((3, 2, 1) if shape.stem_pool == 3 else (2, 2, 0)))
    map_ = net.layer3(net.layer2(net.layer1(map_)))
    first = net.layer4[0]
    first.conv2.stride = first.downsample[0].stride = (shape.last_stride, shape.last_stride)
    map_ = net.layer4(map_)
    assert map_.shape[2:] == ((4, 2) if shape.last_stride == 1 else (2, 1))
    return map_.mean((2, 3))


@pytest.mark.parametrize(
    "shape",
    [ResNetShape(), ResNetShape(last_stride=2, stem_relu=True), ResNetShape(stem_pool=2), ResNetShape(stem_relu=True)],
)
def test_equals_torchvision_changed_by_hand(torchvision_net, shape):
    ours = create_resnet50(shape).eval()
    ours.load_state_dict(torchvision_net.state_dict(), strict=True)
    with torch.no_grad():
        assert_close(ours(crops()), by_hand(torchvision_net, shape), atol=1e-4, rtol=1e-4)


def test_the_ordinary_one_is_torchvisions(torchvision_net):
    ours = create_resnet50(ResNetShape(last_stride=2, stem_relu=True)).eval()
    ours.load_state_dict(torchvision_net.state_dict(), strict=True)
    first = torchvision_net.layer4[0]
    first.conv2.stride = first.downsample[0].stride = (2, 2)
    with torch.no_grad():
        assert_close(ours(crops()), torchvision_net(crops()), atol=1e-4, rtol=1e-4)


def test_ibn_is_in_the_first_three_stages():
    with weightless():
        plain, ours = create_resnet50(ResNetShape()), create_resnet50(RESNET_SHAPES["resnet50_ibn_a"])
    found = [name for name, module in ours.named_modules() if isinstance(module, InstanceBatchNorm)]
    assert found == [f"layer{stage}.{i}.bn1" for stage, count in ((1, 3), (2, 4), (3, 6)) for i in range(count)]
    assert ours.layer2[0].bn1.IN.num_features == ours.layer2[0].bn1.BN.num_features == 64
    assert isinstance(ours.act1, nn.ReLU)
    counts = [sum(value.numel() for value in net.parameters()) for net in (plain, ours)]
    assert counts == [23_508_032, 23_508_032]


def test_settings():
    model = create_model("resnet50", num_classes=7, drop_path=0.0, shape={"stem_pool": 2, "last_stride": 2})
    assert (model.encoder.dim, model.embedding_dim, model.encoder.num_branches) == (2048, 2048, 1)
    net = model.encoder.net
    assert (net.maxpool.kernel_size, net.maxpool.padding, net.layer4[0].conv2.stride) == (2, 0, (2, 2))
    assert not [module for module in net.modules() if type(module).__name__ == "DropPath"]
    assert model.necks[0].norm.num_features == 2048


def test_branches_do_not_start_closed():
    assert all((block.bn3.weight == 1).all() for block in create_resnet50(ResNetShape()).layer1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"jigsaw": True, "num_cameras": 2, "initial_weights": "structured"},
            "resnet50 cannot have num_cameras=2, jigsaw=True, initial_weights=structured: it is no ViT, .*; "
            "use num_cameras=0, jigsaw=False, initial_weights=official",
        ),
        ({"stride": 12}, "stride=12"),
        ({"patch_size": 8}, "patch_size=8"),
        ({"dropout": 0.1}, "dropout=0.1: it is no ViT"),
        ({"attention_dropout": 0.1}, "attention_dropout=0.1: it is no ViT"),
        ({"shape": {"depth": 4}}, r"unknown fields of shape: \['depth'\]; known are \['last_stride'"),
        ({"shape": {"last_stride": 3}}, "last_stride must be 1 or 2, not 3"),
        ({"shape": {"stem_pool": 4}}, "stem_pool must be 2 or 3, the kernel of the first max-pool, not 4"),
    ],
)
def test_what_it_cannot_have(settings, message):
    with pytest.raises(ValueError, match=message):
        create_model("resnet50", num_classes=2, **settings)
