import pytest
import torch

from resight.errors import ModelFormatError
from resight.models.position import resize_patches, resize_position_table
from resight.models.weights.positions import PAPER_SIZES, fit_table, grid_of


def _table(rows: int) -> torch.Tensor:
    return torch.randn(1, rows, 6, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize(
    ("count", "grid"),
    [(196, (14, 14)), (128, (16, 8)), (242, (22, 11)), (210, (21, 10)), (192, (24, 8)), (310, (31, 10)), (8, (4, 2))],
)
def test_grids_told_from_the_count(count: int, grid: tuple[int, int]) -> None:
    assert grid_of(count) == grid


def test_the_papers_sizes_are_told_apart() -> None:
    from resight.models.patch_embed import patch_grid

    for size, stride in PAPER_SIZES:
        rows, columns = patch_grid(size, 16, stride)
        assert grid_of(rows * columns) == (rows, columns)


@pytest.mark.parametrize("count", [0, -1])
def test_a_table_without_patches(count: int) -> None:
    with pytest.raises(ModelFormatError, match=f"has {count} patches"):
        grid_of(count)


def test_a_grid_that_cannot_be_told() -> None:
    with pytest.raises(ModelFormatError, match=r"has 7 patches, .*replace\(read_weights\(path\), grid="):
        grid_of(7)


@pytest.mark.parametrize(("rows", "ratio"), [(197, 1), (129, 2)])
def test_the_official_rule(rows: int, ratio: int) -> None:
    table = _table(rows)
    fitted, what = fit_table(table, rows=1 + 21 * 10, grid=(21, 10))
    assert torch.equal(fitted, resize_position_table(table, (21, 10), height_to_width=ratio))
    assert what == {1: "14x14 -> 21x10", 2: "16x8 -> 21x10"}[ratio]


def test_a_table_of_the_right_length_is_not_touched() -> None:
    table = _table(1 + 24)
    assert fit_table(table, rows=25, grid=(4, 6)) == (table, None)


@pytest.mark.parametrize("grid", [(4, 4), (6, 3)])
def test_the_row_of_a_distillation_token_goes(grid: tuple[int, int]) -> None:
    table = _table(2 + 16)
    fitted, what = fit_table(table, rows=1 + grid[0] * grid[1], grid=grid, is_distilled=True)
    plain = torch.cat([table[:, :1], table[:, 2:]], dim=1)
    assert torch.equal(fitted, resize_position_table(plain, grid))
    assert what == (None if grid == (4, 4) else "4x4 -> 6x3")


def test_tables_without_a_row_for_the_class_token() -> None:
    fitted, what = fit_table(_table(16), rows=8, grid=(4, 2))
    assert (fitted.shape, what) == ((1, 8, 6), "4x4 -> 4x2")


def test_a_known_grid_of_as_many_patches_is_resized() -> None:
    table = _table(1 + 8)
    fitted, what = fit_table(table, rows=9, grid=(4, 2), learned_on=(2, 4))
    assert what == "2x4 -> 4x2"
    assert torch.equal(fitted[:, 1:], resize_patches(table[:, 1:], (2, 4), (4, 2)))
    for learned_on in ((4, 2), (3, 3), None):
        assert fit_table(table, rows=9, grid=(4, 2), learned_on=learned_on) == (table, None)


def test_a_known_grid_wins_where_it_fits_the_count() -> None:
    table = _table(1 + 18)
    assert fit_table(table, rows=9, grid=(4, 2), learned_on=(9, 2))[1] == "9x2 -> 4x2"
    assert fit_table(table, rows=9, grid=(4, 2), learned_on=(5, 5))[1] == "6x3 -> 4x2"
