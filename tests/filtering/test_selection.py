"""The selection against a full sort, with ties, gaps and several processes."""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from resight.filtering.exchange import Exchange
from resight.filtering.selection import rows_to_keep, select_top, select_top_of_share


def by_sorting(scores: Any, wanted: int, keys: list[str], among: Any = None) -> set[int]:
    """The definition: by score descending, then key ascending."""
    rows = [row for row in range(len(scores)) if not np.isnan(scores[row]) and (among is None or among[row])]
    return set(sorted(rows, key=lambda row: (-scores[row], keys[row], row))[:wanted])


def case(seed: int, count: int = 300) -> tuple[npt.NDArray[np.float32], list[str]]:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(0, 1, count), seed % 3).astype(np.float32)  # with seed % 3 == 0 few values
    scores[rng.random(count) < 0.1] = np.nan
    scores[rng.random(count) < 0.05] = -0.0
    return scores, [f"k{number}" for number in rng.permutation(count)]


@pytest.mark.parametrize("seed", range(9))
@pytest.mark.parametrize("keep", [1, 7, 150, 299, 0.5, 1.0])
def test_as_a_full_sort(seed: int, keep: float | int) -> None:
    scores, keys = case(seed)
    among = np.random.default_rng(seed + 100).random(len(scores)) < 0.8
    for gate in (None, among):
        kept = select_top(scores, keep, lambda rows: pa.array(keys).take(pa.array(rows)), among=gate)
        assert set(np.flatnonzero(kept)) == by_sorting(scores, rows_to_keep(keep, len(scores)), keys, gate)


def test_without_keys_the_first_row_is_kept() -> None:
    kept = select_top(np.array([2, 1, 1, 1, 3], dtype=np.float32), 3)
    assert kept.tolist() == [True, True, False, False, True]


def test_extreme_values_keep_their_order() -> None:
    values = np.array([-np.inf, -3e38, -1e-45, 0.0, 1e-45, 1.0, np.nextafter(np.float32(1), np.float32(2)), np.inf])
    scores = values.astype(np.float32)
    for wanted in range(1, 9):
        assert select_top(scores, wanted).tolist() == [row >= 8 - wanted for row in range(8)]


class _Meeting:
    """Lets threads exchange values as processes do."""

    def __init__(self, world: int) -> None:
        self.values: list[Any] = [None] * world
        self.barrier = threading.Barrier(world)

    def gather(self, rank: int, value: Any) -> list[Any]:
        self.values[rank] = value
        self.barrier.wait(timeout=10)
        result = list(self.values)
        self.barrier.wait(timeout=10)
        return result


class _Seat(Exchange):
    """An exchange of one thread."""

    def __init__(self, rank: int, meeting: _Meeting) -> None:
        super().__init__(rank, len(meeting.values))
        object.__setattr__(self, "meeting", meeting)

    def gather(self, value: Any) -> list[Any]:
        return self.meeting.gather(self.rank, value)  # type: ignore[attr-defined]

    def sum(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.sum(self.gather(counts), axis=0)


@pytest.mark.parametrize("has_keys", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_shares_of_several_are_the_choice_of_one(seed: int, has_keys: bool) -> None:
    scores, keys = case(seed)
    among = np.random.default_rng(seed).random(len(scores)) < 0.7
    edges = [0, 11, 11, 200, 300]  # unequal shares, one of them empty
    for wanted in (1, 60, 140, 300):
        meeting = _Meeting(4)
        parts: list[Any] = [None] * 4

        def work(rank: int, wanted: int = wanted, meeting: _Meeting = meeting, parts: list[Any] = parts) -> None:
            first, last = edges[rank], edges[rank + 1]
            names = (lambda rows: pa.array(keys).take(pa.array(rows + first))) if has_keys else None
            seat = _Seat(rank, meeting)
            parts[rank] = select_top_of_share(scores[first:last], wanted, names, among=among[first:last], exchange=seat)

        threads = [threading.Thread(target=work, args=(rank,)) for rank in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alone = select_top(
            scores, wanted, (lambda rows: pa.array(keys).take(pa.array(rows))) if has_keys else None, among=among
        )
        assert np.array_equal(np.concatenate(parts), alone)


def test_shares_count_half_a_row() -> None:
    assert rows_to_keep(0.5, 4_180_243) == 2_090_122  # as published
    assert rows_to_keep(0.6, 4_180_243) == 2_508_146
    assert rows_to_keep(17, 20) == 17


@pytest.mark.parametrize(("share", "count", "kept"), [(0.29, 50, 15), (0.57, 50, 29), (0.145, 100, 15), (0.28, 50, 14)])
def test_half_a_row_counts_whatever_its_float(share: float, count: int, kept: int) -> None:
    assert rows_to_keep(share, count) == kept


@pytest.mark.parametrize("keep", [0, -1, 21, 0.0, 1.5, -0.5, 0.01])
def test_impossible_shares(keep: float | int) -> None:
    with pytest.raises(ValueError, match="keep: expected"):
        rows_to_keep(keep, 20)


def test_a_gate_of_another_length() -> None:
    with pytest.raises(ValueError, match="among: expected"):
        select_top(np.zeros(3, dtype=np.float32), 1, among=np.ones(4, dtype=bool))


def test_inputs_stay_as_they_are() -> None:
    scores, _ = case(1)
    among = np.ones(len(scores), dtype=bool)
    before = scores.copy()
    select_top(scores, 10, among=among)
    assert np.array_equal(scores, before, equal_nan=True)
    assert among.all()
