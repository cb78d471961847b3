import pytest

from resight.train import LoopSettings


@pytest.mark.parametrize("name", ["epochs", "accumulation"])
def test_counts_start_at_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        LoopSettings(**{"epochs": 1, name: 0})


@pytest.mark.parametrize("name", ["seed", "save_every", "save_steps", "evaluate_every"])
def test_no_negative_numbers(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must not be negative, got -1"):
        LoopSettings(epochs=1, **{name: -1})


def test_what_comes_after_which_epoch() -> None:
    settings = LoopSettings(epochs=5, save_every=2, evaluate_every=1)
    assert [settings.saves_after(epochs) for epochs in range(1, 6)] == [False, True, False, True, True]
    assert [settings.evaluates_after(epochs) for epochs in range(1, 6)] == [True, True, True, True, False]
    rarely = LoopSettings(epochs=3, save_every=0)
    assert [rarely.saves_after(epochs) for epochs in range(1, 4)] == [False, False, True]
    assert not any(rarely.evaluates_after(epochs) for epochs in range(1, 4))
