import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from resight.pretrain.heads import DinoHead, PrototypeLayer, moby_mlp, moco_v2_head, moco_v3_mlp


def test_published_sizes_of_the_dino_head() -> None:
    for width, count in ((384, 22_352_128), (768, 23_138_560)):
        with torch.device("meta"):
            head = DinoHead(width)
        assert sum(parameter.numel() for parameter in head.parameters()) == count


def test_prototypes_are_a_weight_normalised_layer() -> None:
    layer = PrototypeLayer(6, 9, trains_gain=True).double()
    nn.init.uniform_(layer.weight_g, 0.5, 2.0)
    features = torch.randn(4, 6, dtype=torch.float64)
    weight = layer.weight_g * layer.weight_v / layer.weight_v.norm(dim=1, keepdim=True)
    wanted = torch.autograd.grad(F.linear(features, weight).square().sum(), list(layer.parameters()))
    scores = layer(features)
    assert_close(scores, F.linear(features, weight))
    for one, other in zip(torch.autograd.grad(scores.square().sum(), list(layer.parameters())), wanted, strict=True):
        assert_close(one, other)


def test_frozen_prototypes_pass_the_gradient_on_and_keep_none() -> None:
    head = DinoHead(5, 7, hidden=4, bottleneck=3)
    for frozen in (False, True):
        head.zero_grad()
        features = torch.randn(2, 5, requires_grad=True)
        head(features, frozen_prototypes=frozen).sum().backward()
        assert features.grad is not None
        assert (head.last_layer.weight_v.grad is None) == frozen
        assert head.last_layer.weight_g.grad is None


def test_a_head_without_layers() -> None:
    with pytest.raises(ValueError, match="1 layer or more"):
        DinoHead(4, 8, layers=0)


def test_layers_of_the_contrastive_heads() -> None:
    assert [type(part).__name__ for part in moco_v2_head(8, 4)] == ["Linear", "ReLU", "Linear"]
    mlp = moco_v3_mlp(8, 4, layers=3, hidden=6)
    assert [type(part).__name__ for part in mlp] == [
        "Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"
    ]  # fmt: skip
    assert mlp[-1].affine is False
    assert all(part.bias is None for part in mlp if isinstance(part, nn.Linear))
    assert isinstance(moco_v3_mlp(8, 4, layers=2, hidden=6, last_norm=False)[-1], nn.Linear)
    assert all(part.bias is not None for part in moby_mlp(8, 4, hidden=6) if isinstance(part, nn.Linear))
