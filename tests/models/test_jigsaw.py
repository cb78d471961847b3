"""Permutations are those of section 5 of the architecture notes, patches counted from 1 there."""

import pytest

from resight.models.jigsaw import jigsaw_order, jigsaw_parts


def order(num_patches: int, shift: int, groups: int) -> list[int]:
    return [1 + patch for patch in jigsaw_order(num_patches, shift=shift, groups=groups).tolist()]


def parts(num_patches: int, **settings: int) -> list[list[int]]:
    return [[1 + patch for patch in part] for part in jigsaw_parts(num_patches, **settings).tolist()]


@pytest.mark.parametrize(
    ("sizes", "length", "start", "end"),
    [
        ((9, 5, 2), 10, [5, 1, 6, 2, 7, 3, 8, 4, 9, 3], []),
        ((128, 5, 2), 128, [5, 69, 6, 70, 7, 71, 8, 72], [67, 3, 68, 4]),
        ((128, 5, 4), 128, [5, 37, 69, 101, 6, 38, 70, 102], []),
        ((210, 5, 2), 210, [5, 110, 6, 111, 7, 112], [3, 109, 4]),
        ((441, 8, 2), 442, [8, 229, 9, 230, 10, 231], [227, 7, 228, 6]),
    ],
)
def test_order(sizes, length, start, end):
    ours = order(*sizes)
    assert len(ours) == length
    assert ours[: len(start)] == start
    assert ours[length - len(end) :] == end
    assert set(ours) == set(range(1, sizes[0] + 1))


@pytest.mark.parametrize(
    ("sizes", "starts", "length"),
    [
        ((128, 5, 2), [[5, 69], [21, 85], [37, 101], [53, 117]], 32),
        ((128, 5, 4), [[5, 37, 69, 101], [13, 45, 77, 109], [21, 53, 85, 117], [29, 61, 93, 125]], 32),
        ((210, 5, 2), [], 52),
        ((441, 8, 2), [], 110),
        ((9, 5, 2), [[5, 1], [6, 2], [7, 3], [8, 4]], 2),
    ],
)
def test_parts(sizes, starts, length):
    num_patches, shift, groups = sizes
    ours = parts(num_patches, shift=shift, groups=groups)
    assert [len(part) for part in ours] == [length] * 4
    assert all(part[: len(start)] == start for part, start in zip(ours, starts, strict=False))


def test_without_rearrangement():
    assert parts(10, rearrange=False) == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert parts(7, parts=2, rearrange=False) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("shift", "expected"), [(1, [1, 2, 3, 4]), (4, [4, 1, 2, 3]), (5, [1, 2, 3, 4]), (99, [1, 2, 3, 4])]
)
def test_shift_starts_at_that_patch_and_beyond_the_end_moves_nothing(shift, expected):
    assert order(4, shift, 1) == expected


def test_groups_that_no_padding_makes_fit():
    with pytest.raises(ValueError, match="441 patches cannot be shuffled in 4 groups: neither 441 nor 442"):
        jigsaw_order(441, groups=4)


@pytest.mark.parametrize("settings", [{"shift": 0}, {"groups": 0}, {"shift": -3}])
def test_settings_below_one(settings):
    with pytest.raises(ValueError, match="must be at least 1"):
        jigsaw_order(8, **settings)


def test_too_many_parts():
    with pytest.raises(ValueError, match="3 patches cannot be cut into 4 parts"):
        jigsaw_parts(3)
    with pytest.raises(ValueError, match="parts must be at least 1"):
        jigsaw_parts(8, parts=0)
