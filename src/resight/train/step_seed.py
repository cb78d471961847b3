"""The seed of one training step."""

import numpy as np


def step_seed(*numbers: int) -> int:
    """One seed of 63 bits from several numbers >= 0, from another stream than those of the augmentation."""
    return int(np.random.SeedSequence(numbers, spawn_key=(1,)).generate_state(1, np.uint64)[0] >> np.uint64(1))
