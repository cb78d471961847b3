import pytest

from resight.pretrain.schedules import DinoRate, MocoV3Rate, cosine, warmed_up
from resight.train.schedules import schedule_time


def test_a_rate_is_that_of_the_optimiser_step_whatever_the_accumulation() -> None:
    epochs, batches = 3, 10
    for accumulation in (1, 3, 4):
        steps = -(-batches // accumulation)
        rate = DinoRate(epochs, steps, warmup_epochs=1)
        plain = [rate(number / steps, 1.0) for number in range(epochs * steps)]
        found = []
        for epoch in range(epochs):
            for first in range(0, batches, accumulation):
                found.append(rate(schedule_time("step", epoch, first, batches), 1.0))
        assert found == plain
        assert plain[steps - 1] == plain[steps] == 1.0


def test_without_warm_up() -> None:
    assert DinoRate(2, 5, warmup_epochs=0)(0.0, 0.3) == 0.3
    assert MocoV3Rate(2, warmup_epochs=0)(0.0, 0.3) == 0.3
    assert MocoV3Rate(2, warmup_epochs=0)(2.0, 0.3) == pytest.approx(0.0)


def test_ends_of_the_others() -> None:
    assert cosine(0.04, 0.4, 0.0) == pytest.approx(0.04)
    assert cosine(0.04, 0.4, 1.0) == pytest.approx(0.4)
    assert warmed_up(0.04, 0.07, 0, 0) == 0.07
    assert warmed_up(0.04, 0.07, 1, 0) == 0.04
    assert warmed_up(0.04, 0.07, 4, 3) == pytest.approx(0.07)
