import numpy as np
import pytest

from resight.data.dataset import SeededBatches
from resight.data.pool_order import PoolSampler, batch_sizes
from resight.errors import DataError


def all_ranks(size: int, world: int, epoch: int = 0, **settings: object) -> list[list[list[int]]]:
    """[rank][step] -> rows."""
    samplers = [PoolSampler(size, rank=rank, world_size=world, **settings) for rank in range(world)]
    assert len({len(sampler) for sampler in samplers}) == 1
    return [list(sampler.epoch(epoch)) for sampler in samplers]


@pytest.mark.parametrize("run", [1, 7])
@pytest.mark.parametrize(
    ("size", "world", "batch"), [(1000, 4, 8), (1001, 4, 8), (999, 3, 50), (64, 4, 16), (17, 4, 8)]
)
def test_every_row_once(size: int, world: int, batch: int, run: int) -> None:
    ranks = all_ranks(size, world, batch_size=batch, run=run, window=3)
    steps = {len(batches) for batches in ranks}
    assert steps == {-(-size // (world * batch))}
    rows = [row for batches in ranks for rows in batches for row in rows]
    assert sorted(rows) == list(range(size))
    assert all(1 <= len(rows) <= batch for batches in ranks for rows in batches)


def test_64_ranks_with_8_workers() -> None:
    """A hundredth of LUPerson; `benchmarks/pool_order.py` goes through all of it."""
    seen = np.zeros(41_803, dtype=int)
    workers = np.zeros((64, 8), dtype=int)
    for rank, batches in enumerate(all_ranks(41_803, 64, batch_size=8, seed=1)):
        for step, rows in enumerate(batches):  # a loader gives step s to worker s modulo 8
            seen[rows] += 1
            workers[rank, step % 8] += len(rows)
    assert (seen == 1).all()
    assert workers.min() >= 72
    assert workers.max() <= 88


def test_dropping_the_remainder() -> None:
    seen = set()
    for epoch in range(20):
        ranks = all_ranks(103, 4, epoch, batch_size=5, drop_last=True)
        assert {len(rows) for batches in ranks for rows in batches} == {5}
        rows = [row for batches in ranks for rows in batches for row in rows]
        assert len(rows) == len(set(rows)) == 100
        seen |= set(range(103)) - set(rows)
    assert len(seen) > 30, "others are left out in each epoch"


def test_an_order_depends_on_seed_and_epoch_alone() -> None:
    first = all_ranks(500, 2, 3, batch_size=16, seed=5)
    assert first == all_ranks(500, 2, 3, batch_size=16, seed=5)
    assert first != all_ranks(500, 2, 4, batch_size=16, seed=5)
    assert first != all_ranks(500, 2, 3, batch_size=16, seed=6)
    mixed = all_ranks(500, 2, 3, batch_size=16, run=8, window=4)
    assert mixed == all_ranks(500, 2, 3, batch_size=16, run=8, window=4)
    assert mixed[0] != all_ranks(500, 2, 2, batch_size=16, run=8, window=4)[0]


def test_entering_an_epoch_anywhere_gives_its_rest() -> None:
    sampler = PoolSampler(300, batch_size=16, seed=2, rank=1, world_size=2)
    whole = list(SeededBatches(sampler.epoch(4), seed=2, epoch=4, rank=1))
    for start in (0, 3, len(sampler) - 1, len(sampler)):
        rest = SeededBatches(sampler.epoch(4), seed=2, epoch=4, start=start, rank=1)
        assert list(rest) == whole[start:]
        assert len(rest) == len(whole) - start


def test_the_sizes_of_the_last_batches() -> None:
    def sizes(size: int, batch: int, world: int) -> list[list[int]]:
        return batch_sizes(size, batch_size=batch, world_size=world, drop_last=False).tolist()

    assert sizes(16, 4, 2) == [[4, 4], [4, 4]]
    assert sizes(21, 4, 2) == [[4, 4], [4, 4], [3, 2]]  # half a batch or more is left
    assert sizes(19, 4, 2) == [[4, 4], [3, 3], [3, 2]]  # less: the last two steps share
    assert sizes(5, 4, 2) == [[3, 2]]
    assert sizes(9, 4, 2) == [[3, 2], [2, 2]]
    big = batch_sizes(4_180_243, batch_size=32, world_size=64, drop_last=False)
    assert (big.sum(), big.shape, big[:-2].min(), big.min()) == (4_180_243, (2042, 64), 32, 18)


def test_all_orders_are_about_as_likely() -> None:
    """The chance of each row to be first in an epoch, and of neighbours to meet in a batch."""
    first = np.bincount([PoolSampler(20, batch_size=5).epoch(epoch)[0][0] for epoch in range(2000)], minlength=20)
    assert 60 < first.min() <= first.max() < 150  # 100 each
    together = 0
    for epoch in range(300):
        for rows in PoolSampler(100, batch_size=10).epoch(epoch):
            together += sum(row + 1 in set(rows) for row in rows)
    assert together / 300 == pytest.approx(99 * 9 / 99, abs=1)


def test_runs_are_read_side_by_side() -> None:
    """A rank's window of rows comes from whole runs, and its order is mixed within."""
    rows = np.concatenate(list(PoolSampler(6400, batch_size=32, run=64, window=5).epoch(0)))
    window = rows[: 64 * 5]
    assert np.array_equal(np.bincount(window // 64)[np.unique(window // 64)], [64] * 5)
    assert not np.array_equal(window // 64, np.sort(window // 64))
    assert len(np.unique(rows[:32] // 64)) > 3


def test_numbers_out_of_range() -> None:
    for settings in ({"batch_size": 0}, {"batch_size": 1, "run": 0}, {"batch_size": 1, "window": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            PoolSampler(10, **settings)
    with pytest.raises(ValueError, match=r"rank must lie in 0\.\.1"):
        PoolSampler(10, batch_size=1, rank=2, world_size=2)
    sampler = PoolSampler(10, batch_size=4)
    assert [len(rows) for rows in sampler.epoch(0)[1:]] == [4, 2]
    with pytest.raises(IndexError):
        sampler.epoch(0)[3]


@pytest.mark.parametrize(("size", "drop_last"), [(0, False), (0, True), (3, False), (7, True), (1, False)])
def test_pools_that_are_too_small(size: int, drop_last: bool) -> None:
    with pytest.raises(DataError, match=rf"{size:,}.*(lower the batch size|take fewer processes)"):
        PoolSampler(size, batch_size=2, world_size=4, drop_last=drop_last)
    assert list(PoolSampler(1, batch_size=8).epoch(0)) == [[0]]
