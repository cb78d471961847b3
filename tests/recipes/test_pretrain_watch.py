import logging
from types import SimpleNamespace
from typing import Any

import pytest

from resight.recipes.pretrain_watch import HealthWatch


def _after(trainer: Any, steps: int, std: float, seconds: float) -> None:
    """Adds steps to the sums, as the trainer does."""
    for name, value in {"loss": 2.0, "feature_std": std, "images": 8.0, "skipped": 0.0}.items():
        trainer.sums[name] = trainer.sums.get(name, 0.0) + steps * value
    trainer.seconds += seconds


def test_a_look_has_the_means_since_the_last_one() -> None:
    trainer: Any = SimpleNamespace(step=0, sums={}, seconds=0.0)
    watch = HealthWatch(trainer, 2)
    _after(trainer, 2, 0.8, 4.0)
    assert watch.look(0, 1, 6) == {}
    assert watch.look(0, 2, 6) == {"loss": 2.0, "feature_std": 0.8, "images_per_second": 4.0}
    _after(trainer, 2, 0.4, 1.0)
    assert watch.look(0, 4, 6) == pytest.approx({"loss": 2.0, "feature_std": 0.4, "images_per_second": 16.0})
    assert watch.look(0, 6, 6) == {}, "the epoch has a row of its own"
    trainer.sums, trainer.seconds = {}, 0.0
    _after(trainer, 2, 0.6, 2.0)
    assert watch.look(1, 2, 6)["feature_std"] == pytest.approx(0.6)
    assert HealthWatch(trainer, 0).look(1, 2, 6) == {}


def test_a_run_that_goes_on_inside_an_epoch_looks_at_its_own_batches() -> None:
    trainer: Any = SimpleNamespace(step=3, sums={"loss": 30.0, "feature_std": 0.3, "images": 24.0}, seconds=9.0)
    watch = HealthWatch(trainer, 2)
    _after(trainer, 1, 0.8, 1.0)
    assert watch.look(0, 4, 9)["loss"] == pytest.approx(2.0)


def test_a_collapse_is_named_at_once_and_once(caplog: pytest.LogCaptureFixture) -> None:
    trainer: Any = SimpleNamespace(step=0, sums={}, seconds=0.0)
    watch = HealthWatch(trainer, 2)
    with caplog.at_level(logging.WARNING):
        for step, std in ((2, 0.8), (4, 0.02), (6, 0.03)):
            _after(trainer, 2, std, 1.0)
            watch.look(0, step, 10)
    (record,) = caplog.records
    assert record.getMessage().startswith("epoch 1, batch 4: collapse: the features of all images are nearly the same")
