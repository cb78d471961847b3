import torch
from torch import nn

from resight.filtering.feature_space import weights_fingerprint


def test_the_fingerprint_is_that_of_the_weights() -> None:
    torch.manual_seed(0)
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    first = weights_fingerprint(net)
    assert first != weights_fingerprint(other)
    other.load_state_dict(net.state_dict())
    assert first == weights_fingerprint(other)
    with torch.no_grad():
        other.bias[1] += 1e-6
    assert first != weights_fingerprint(other)
    assert weights_fingerprint(nn.BatchNorm1d(2).half()) != weights_fingerprint(nn.BatchNorm1d(2))
