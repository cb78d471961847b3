import torch
from torch import nn
from torch.testing import assert_close

from resight.pretrain.target import follow, make_target


def test_it_follows_parameters_and_not_buffers() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    target = make_target(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
        network[1].running_mean.add_(5.0)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    follow(target, network, 0.9)
    for name, parameter in target.named_parameters():
        assert_close(parameter, before[name] * 0.9 + 0.1 * (before[name] + 1))
    assert torch.equal(target[1].running_mean, before["1.running_mean"])


def test_it_is_a_copy_in_training_mode_without_gradients() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    target = make_target(network)
    assert target.training
    assert not any(parameter.requires_grad for parameter in target.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert target[0].weight.data_ptr() != network[0].weight.data_ptr()
