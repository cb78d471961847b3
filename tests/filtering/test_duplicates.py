import numpy as np
import pytest

from resight.filtering import duplicates
from resight.filtering.duplicates import near_duplicates

WIDTH = 16


def groups(rng, count, size, spread):
    """Codes of `count` groups of `size` alike, shuffled, and the group of each."""
    centers = rng.normal(size=(count, 1, WIDTH))
    vectors = (centers + spread * rng.normal(size=(count, size, WIDTH))).reshape(-1, WIDTH)
    codes = np.round(vectors / np.abs(vectors).max(1, keepdims=True) * 127).astype(np.int8)
    order = rng.permutation(len(codes))
    return codes[order], np.repeat(np.arange(count), size)[order]


def slow(codes, order, min_cosine):
    """From the definition: a row is dropped for the first kept one that is as close."""
    instead, kept = np.full(len(codes), -1), []
    for row in order:
        one = codes[row].astype(float)
        if not one.any():
            continue
        for other in kept:
            two = codes[other].astype(float)
            if one @ two / np.linalg.norm(one) / np.linalg.norm(two) >= min_cosine - 1e-6:
                instead[row] = other
                break
        else:
            kept.append(row)
    return instead


@pytest.mark.parametrize("min_cosine", [0.7, 0.95, 0.999])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.4])
def test_one_cell_equals_the_slow_definition(min_cosine, spread):
    rng = np.random.default_rng(0)
    codes, _ = groups(rng, 90, 5, spread)
    codes[::50] = 0
    order = rng.permutation(len(codes))[:400]
    found = near_duplicates(codes, order, min_cosine=min_cosine)
    np.testing.assert_array_equal(found, slow(codes, order, min_cosine))


def test_the_best_of_each_group_stays():
    rng = np.random.default_rng(1)
    codes, group = groups(rng, 40, 6, 0.01)
    order = rng.permutation(len(codes))
    found = near_duplicates(codes, order, min_cosine=0.99)
    best = {int(group[row]): row for row in order[::-1]}
    for row in range(len(codes)):
        expected = best[int(group[row])]
        assert found[row] == (-1 if row == expected else expected)


def test_many_cells_find_the_groups_and_nothing_else(monkeypatch):
    monkeypatch.setattr(duplicates, "CELL", 40)
    rng = np.random.default_rng(2)
    codes, group = groups(rng, 500, 4, 0.02)
    order = np.arange(len(codes))
    found = near_duplicates(codes, order, min_cosine=0.98)
    dropped = found >= 0
    assert (group[found[dropped]] == group[dropped]).all()
    assert (found[found[dropped]] == -1).all()
    assert (found[dropped] < np.flatnonzero(dropped)).all()
    assert dropped.sum() >= 0.99 * 1500
    assert np.array_equal(found, near_duplicates(codes, order, min_cosine=0.98))
    once = near_duplicates(codes, order, min_cosine=0.98, rounds=1)
    assert (once >= 0).sum() < dropped.sum()


def test_equal_images_however_many(monkeypatch):
    monkeypatch.setattr(duplicates, "CELL", 64)
    rng = np.random.default_rng(3)
    codes = rng.integers(-127, 128, (2000, WIDTH)).astype(np.int8)
    codes[::2] = codes[0]
    found = near_duplicates(codes, np.arange(2000)[::-1], min_cosine=1.0)
    assert found[1998] == -1
    assert (found[:1998:2] == 1998).all()
    assert (found[1::2] == -1).all()


def as_codes(vectors):
    return np.round(vectors / np.abs(vectors).max(1, keepdims=True) * 127).astype(np.int8)


def codes_like(kind, rng, count):
    """Codes of kinds that gather in few cells."""
    noise = rng.normal(size=(count, WIDTH))
    if kind == "common mean":  # some near it, some far
        return as_codes(2 + np.exp(rng.normal(size=(count, 1))) * noise)
    if kind == "nearly equal":
        codes = np.full((count, WIDTH), 100, dtype=np.int8) + rng.integers(-1, 2, (count, WIDTH)).astype(np.int8)
        codes[::9] = as_codes(noise[::9])
        return codes
    if kind == "nested":  # each group is a tenth as wide as the one around it
        return as_codes(1 + noise * 10.0 ** -rng.integers(0, 3, (count, 1)))
    codes = np.full((count, WIDTH), 127, dtype=np.int8)  # along a line, many of them equal
    codes[:, 0] = rng.integers(-3, 4, count) ** 3
    return codes


@pytest.mark.parametrize("kind", ["common mean", "nearly equal", "nested", "line"])
def test_no_cell_is_large_whatever_the_codes(kind, monkeypatch):
    monkeypatch.setattr(duplicates, "CELL", 32)
    rng = np.random.default_rng(4)
    codes = codes_like(kind, rng, 3000)
    rows = rng.permutation(3000)[:2900]
    place = np.full(3000, -1)
    place[rows] = np.arange(2900)
    cells = list(duplicates._cells(codes, rows, rng))
    assert max(map(len, cells)) <= 64
    together = np.concatenate(cells)
    assert len(np.unique(together)) == len(together) > 2800, "each row in one cell, but for those alone in theirs"
    assert all((np.diff(place[cell]) > 0).all() for cell in cells), "in the order given"


def test_a_common_mean_hides_no_duplicates(monkeypatch):
    monkeypatch.setattr(duplicates, "CELL", 64)
    rng = np.random.default_rng(5)
    apart = 1 + 0.3 * np.exp(0.3 * rng.normal(size=(1500, 1))) * rng.normal(size=(1500, WIDTH))
    codes = np.concatenate([as_codes(apart), as_codes(apart + 0.002 * rng.normal(size=apart.shape))])
    found = near_duplicates(codes, np.arange(3000), min_cosine=0.9999)
    later = found[1500:]
    assert (later[later >= 0] == np.flatnonzero(later >= 0)).mean() > 0.99
    assert (later >= 0).mean() > 0.98


def test_two_codes_of_one_sum_are_not_taken_for_equal(monkeypatch):
    class Ones:
        def integers(self, low, high, size):
            return np.ones(size, dtype=np.int64)

    codes = np.array([[1, 2], [2, 1], [1, 2]], dtype=np.int8)
    instead = np.full(3, -1)
    duplicates._find_equal(codes, np.array([1, 2, 0]), instead, Ones())
    assert instead.tolist() == [-1, -1, -1], "the first of this sum is [2, 1]"
    duplicates._find_equal(codes, np.array([2, 1, 0]), instead, Ones())
    assert instead.tolist() == [2, -1, -1]


def test_mapped_codes_and_few_rows(tmp_path):
    codes = np.array([[1, 0], [2, 0], [0, 0], [0, 0], [0, 3]], dtype=np.int8)
    codes.tofile(tmp_path / "codes")
    mapped = np.memmap(tmp_path / "codes", dtype=np.int8, mode="r", shape=codes.shape)
    assert near_duplicates(mapped, [4, 3, 2, 1, 0], min_cosine=0.9).tolist() == [1, -1, -1, -1, -1]
    assert near_duplicates(mapped, [0], min_cosine=0.9).tolist() == [-1] * 5
    assert near_duplicates(mapped, [], min_cosine=0.9).tolist() == [-1] * 5


@pytest.mark.parametrize("wrong", [{"min_cosine": 0}, {"min_cosine": 1.1}, {"min_cosine": 0.9, "rounds": 0}])
def test_wrong_numbers(wrong):
    with pytest.raises(ValueError, match="min_cosine"):
        near_duplicates(np.ones((2, 2), dtype=np.int8), [0, 1], **wrong)
