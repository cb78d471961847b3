import math

import pytest
import torch

from resight.train import ConstantSchedule, CosineSchedule, MultiStepSchedule
from resight.train.schedules import schedule_time, set_learning_rate


def test_cosine_by_hand() -> None:
    schedule = CosineSchedule(base_lr=0.008, epochs=120, warmup_epochs=5)
    start, floor = 0.008 * 0.01, 0.008 * 0.002
    assert schedule(0, 0.008) == pytest.approx(start)
    assert schedule(1, 0.008) == pytest.approx(start + (0.008 - start) / 5)
    # Not shifted by the warm-up: at its end the cosine has already run for five epochs.
    assert schedule(5, 0.008) == pytest.approx(floor + (0.008 - floor) * (1 + math.cos(math.pi * 5 / 120)) / 2)
    assert schedule(60, 0.008) == pytest.approx((0.008 + floor) / 2)
    assert schedule(120, 0.008) == pytest.approx(floor)
    assert schedule(130, 0.008) == pytest.approx(floor), "it must not rise again"


def test_cosine_start_and_floor_do_not_depend_on_the_peak() -> None:
    schedule = CosineSchedule(base_lr=0.01, epochs=10, warmup_epochs=2)
    assert schedule(0, 0.02) == schedule(0, 0.01) == pytest.approx(1e-4)
    assert schedule(10, 0.02) == schedule(10, 0.01) == pytest.approx(2e-5)


def test_cosine_without_warmup() -> None:
    assert CosineSchedule(base_lr=0.1, epochs=10, warmup_epochs=0)(0, 0.1) == pytest.approx(0.1)


def test_multistep_by_hand() -> None:
    schedule = MultiStepSchedule(milestones=(4, 7), gamma=0.1, warmup_epochs=2, warmup_factor=0.01)
    expected = {0: 0.01, 1: 0.505, 2: 1, 3: 1, 4: 0.1, 6: 0.1, 7: 0.01, 9: 0.01}
    assert {t: schedule(t, 2.0) / 2 for t in expected} == pytest.approx(expected)


def test_multistep_without_warmup() -> None:
    assert MultiStepSchedule(warmup_epochs=0)(0, 0.3) == 0.3


def test_constant() -> None:
    assert ConstantSchedule()(17, 0.3) == 0.3


@pytest.mark.parametrize(("clock", "expected"), [("epoch_end", 4.0), ("epoch_start", 3.0), ("step", 3.25)])
def test_time_of_a_step(clock: str, expected: float) -> None:
    assert schedule_time(clock, epoch=3, step=2, steps_per_epoch=8) == expected  # type: ignore[arg-type]


def test_every_group_gets_the_rate_of_its_own_peak() -> None:
    one, two = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    groups = [{"params": [one], "lr": 9.0, "peak_lr": 1.0}, {"params": [two], "lr": 9.0, "peak_lr": 2.0}]
    optimizer = torch.optim.SGD(groups)
    rate = set_learning_rate(optimizer, MultiStepSchedule(milestones=(3,), warmup_epochs=0), 3)
    assert rate == pytest.approx(0.1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.2])
