import pytest
import torch
from torch import nn

from resight.pretrain.lars import LARS
from resight.pretrain.optimizer import clip_each, pretrain_optimizer, set_weight_decay


def _net() -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    net.register_parameter("cls_token", nn.Parameter(torch.zeros(1, 1, 4)))
    return net


def test_groups_peak_and_decay() -> None:
    net = _net()
    optimizer = pretrain_optimizer(net, "adamw", lr=5e-4, weight_decay=0.04, total_batch=512)
    decayed, rest = optimizer.param_groups
    assert {id(p) for p in decayed["params"]} == {id(net[0].weight), id(net.cls_token)}
    assert len(rest["params"]) == 3
    assert decayed["peak_lr"] == rest["peak_lr"] == pytest.approx(1e-3)
    set_weight_decay(optimizer, 0.2)
    assert (decayed["weight_decay"], rest["weight_decay"]) == (0.2, 0.0)


def test_everything_decays_and_the_rate_is_the_peak_where_asked_for() -> None:
    optimizer = pretrain_optimizer(
        _net(), "sgd", lr=0.3, weight_decay=1e-4, total_batch=2560, lr_batch=None, decay_vectors=True
    )
    (group,) = optimizer.param_groups
    assert (group["peak_lr"], group["weight_decay"], group["momentum"]) == (0.3, 1e-4, 0.9)
    with pytest.raises(ValueError, match="choose adamw, sgd or lars"):
        pretrain_optimizer(_net(), "adam", lr=1, weight_decay=0, total_batch=1)  # type: ignore[arg-type]


def test_frozen_parameters_stay_out() -> None:
    net = _net()
    net[0].weight.requires_grad_(False)
    optimizer = pretrain_optimizer(net, "lars", lr=0.1, weight_decay=0.0, total_batch=256)
    assert not any(p is net[0].weight for group in optimizer.param_groups for p in group["params"])


def test_each_tensor_is_clipped_by_itself() -> None:
    long, short, none = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    long.grad, short.grad = torch.tensor([30.0, 40.0]), torch.tensor([0.3, 0.4])
    clip_each([long, short, none], 3.0)
    assert long.grad.norm().item() == pytest.approx(3.0, rel=1e-6)
    assert short.grad.tolist() == pytest.approx([0.3, 0.4])
    clip_each([none], 3.0)


def test_lars_scales_matrices_and_leaves_vectors() -> None:
    matrix, vector = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    optimizer = LARS([matrix, vector], lr=0.5, weight_decay=0.1)
    for _ in range(2):
        matrix.grad, vector.grad = torch.full((2, 2), 4.0), torch.full((2,), 4.0)
        optimizer.step()
    assert vector.tolist() == pytest.approx([1 - 0.5 * 4 - 0.5 * (0.9 * 4 + 4)] * 2)
    first = 0.001 * 2 / (4.1 * 2) * 4.1
    p = 1 - 0.5 * first
    second = 0.9 * first + 0.001 * p
    assert matrix.flatten().tolist() == pytest.approx([p - 0.5 * second] * 4)


def test_lars_with_no_length() -> None:
    zero = nn.Parameter(torch.zeros(2, 2))
    zero.grad = torch.ones(2, 2)
    LARS([zero], lr=1.0).step()
    assert zero.flatten().tolist() == [-1.0] * 4
