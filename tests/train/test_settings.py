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
