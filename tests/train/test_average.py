import pytest
import torch
from torch import nn

from resight.train.average import WeightAverage


def _model(value: float) -> nn.Module:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    with torch.no_grad():
        model[0].weight.fill_(value)
    return model


def test_by_hand_the_first_steps_do_not_weigh_on_it() -> None:
    model = _model(1.0)
    average = WeightAverage(model, decay=0.15)
    expected = 1.0
    for step, value in enumerate((2.0, 3.0, 4.0)):
        with torch.no_grad():
            model[0].weight.fill_(value)
        average.update(model)
        decay = min(0.15, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert float(average.model[0].weight) == pytest.approx(expected)


def test_buffers_are_averaged_and_counters_copied() -> None:
    model = _model(1.0)
    average = WeightAverage(model, decay=0.9)
    model[1].running_mean.fill_(10.0)
    model[1].num_batches_tracked.fill_(5)
    average.update(model)
    assert float(average.model[1].running_mean) == pytest.approx(9.0)
    assert int(average.model[1].num_batches_tracked) == 5


def test_it_is_a_copy_that_does_not_train() -> None:
    model = _model(1.0)
    average = WeightAverage(model, decay=0.9)
    with torch.no_grad():
        model[0].weight.fill_(5.0)
    assert float(average.model[0].weight) == 1.0
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert not average.model.training


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_bad_decay(decay: float) -> None:
    with pytest.raises(ValueError, match=f"not {decay}"):
        WeightAverage(_model(1.0), decay)
