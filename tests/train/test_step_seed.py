import numpy as np

from resight.train.step_seed import step_seed


def test_every_number_counts_and_so_does_its_place() -> None:
    seeds = {step_seed(*numbers) for numbers in [(1, 2, 3), (1, 3, 2), (2, 1, 3), (1, 2), (1, 2, 4)]}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert step_seed(1, 2, 3) == step_seed(1, 2, 3)


def test_the_stream_is_not_that_of_the_augmentation() -> None:
    plain = int(np.random.SeedSequence((1, 2, 3)).generate_state(1, np.uint64)[0]) >> 1
    assert step_seed(1, 2, 3) != plain
