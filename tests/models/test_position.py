import pytest
import torch
from torch.testing import assert_close

from resight.models.position import resize_position_table, source_grid


@pytest.mark.parametrize(("patches", "ratio", "grid"), [(196, 1, (14, 14)), (128, 2, (16, 8)), (1, 1, (1, 1))])
def test_source_grid(patches, ratio, grid):
    assert source_grid(patches, ratio) == grid


@pytest.mark.parametrize(("patches", "ratio"), [(128, 1), (196, 2), (2, 1)])
def test_no_such_grid(patches, ratio):
    with pytest.raises(ValueError, match=f"{patches} patches is no grid with height = {ratio} x width"):
        source_grid(patches, ratio)


def _table(rows: int, columns: int, leading: int = 1) -> torch.Tensor:
    """Each patch holds its own row and column, each leading token its number times 100."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    patches = torch.stack([y, x], dim=-1).reshape(-1, 2).float()
    first = 100.0 * torch.arange(1, leading + 1)[:, None].expand(-1, 2)
    return torch.cat([first, patches])[None]


def test_rows_and_columns_keep_their_meaning():
    resized = resize_position_table(_table(4, 4), (8, 1))
    grid = resized[0, 1:].view(8, 1, 2)
    # Pixel centres: target i reads source (i + 0.5) * 4 / 8 - 0.5, held at the edge.
    expected = ((torch.arange(8) + 0.5) / 2 - 0.5).clamp(0, 3)
    assert_close(grid[:, 0, 0], expected)
    assert_close(grid[:, 0, 1], torch.full((8,), 1.5))
    assert resized[0, 0].tolist() == [100, 100]


def test_it_is_not_antialiased():
    table = torch.zeros(1, 1 + 64, 1)
    table[0, 1] = 1.0  # the corner, which a 2 x 2 grid of samples at 1.5 and 5.5 does not read
    assert resize_position_table(table, (2, 2))[0, 1:].abs().max() == 0


def test_ratio_of_the_source_grid():
    assert_close(resize_position_table(_table(4, 2), (4, 2), height_to_width=2), _table(4, 2))
    wider = resize_position_table(_table(4, 2), (4, 4), height_to_width=2)
    assert_close(wider[0, 1:].view(4, 4, 2)[:, 0, 0], torch.arange(4.0))


def test_as_many_rows_are_left_alone_whatever_the_grid():
    table = _table(4, 4)
    assert torch.equal(resize_position_table(table, (8, 2), height_to_width=3), table)


def test_the_distillation_token_goes():
    table = _table(2, 2, leading=2)
    resized = resize_position_table(table, (2, 2), leading_tokens=2)
    assert torch.equal(resized, table[:, [0, 2, 3, 4, 5]])
    kept = resize_position_table(table, (3, 3), leading_tokens=2, keep_tokens=(0, 1))
    assert kept.shape == (1, 11, 2)
    assert torch.equal(kept[:, :2], table[:, :2])


def test_half_precision_stays():
    assert resize_position_table(_table(4, 4).half(), (2, 8)).dtype == torch.float16  # same number of rows
    assert resize_position_table(_table(4, 4).half(), (2, 2)).dtype == torch.float16
