import pytest
import torch
from torch.testing import assert_close

from resight.models.side_information import SideInformation

DIM = 4


def both(cameras: int = 3, views: int = 2, coefficient: float = 2.0) -> tuple[SideInformation, torch.Tensor]:
    """The module, and its table as (cameras or 1, views or 1, D) of values that differ everywhere."""
    side = SideInformation(cameras, views, DIM, coefficient)
    table = torch.randn(max(cameras, 1), max(views, 1), DIM, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        side.table.copy_(table.view(-1, 1, DIM))
    return side, coefficient * table


def index(*values: int) -> torch.Tensor:
    return torch.tensor(values)


def test_cameras_alone():
    side, table = both(views=0)
    result = side(4, index(2, 0, -1, 1))
    assert result.shape == (4, 1, DIM)
    mean = table.mean((0, 1))
    assert_close(result[:, 0], torch.stack([table[2, 0], table[0, 0], mean, table[1, 0]]))


def test_views_alone():
    side, table = both(cameras=0)
    mean = table.mean((0, 1))
    assert_close(side(3, None, index(1, -1, 0))[:, 0], torch.stack([table[0, 1], mean, table[0, 0]]))


def test_the_table_is_camera_major():
    side, _ = both()
    assert_close(side(1, index(2), index(1))[0, 0], 2.0 * side.table[2 * 2 + 1, 0])


def test_one_of_two_unknown_is_the_mean_over_that_axis_alone():
    side, table = both()
    result = side(3, index(1, -1, -1), index(-1, 0, -1))[:, 0]
    assert_close(result, torch.stack([table[1].mean(0), table[:, 0].mean(0), table.mean((0, 1))]))


@pytest.mark.parametrize(("cameras", "views"), [(3, 0), (0, 2), (3, 2)])
def test_none_is_all_unknown(cameras, views):
    side, table = both(cameras, views)
    assert_close(side(2)[:, 0], table.mean((0, 1)).expand(2, -1))
    unknown = index(-1, -1)
    assert_close(side(2), side(2, unknown, unknown))


def test_the_index_of_an_axis_that_is_left_out_is_not_read():
    side, table = both(views=0)
    assert_close(side(1, index(1), index(77))[0, 0], table[1, 0])


@pytest.mark.parametrize(("camera", "view"), [(3, 0), (0, 2), (4, 1)])
def test_an_index_beyond_the_table_is_an_error(camera, view):
    """Also the first one beyond, which must not reach the means."""
    side, _ = both()
    with pytest.raises(IndexError):
        side(1, index(camera), index(view))


def test_any_negative_index_is_unknown():
    side, table = both(views=0)
    assert_close(side(2, index(-2, -7))[:, 0], table.mean((0, 1)).expand(2, -1))


def test_small_integers_are_indices_too():
    side, table = both(views=0)
    for dtype in (torch.int32, torch.int8, torch.uint8):
        assert_close(side(2, index(2, 1).to(dtype))[:, 0], table[[2, 1], 0])


@pytest.mark.parametrize("shape", [(2, 1), (1,), ()])
def test_one_index_per_image(shape):
    side, _ = both(views=0)
    with pytest.raises(ValueError, match="camera must have one index per image"):
        side(2, torch.zeros(shape, dtype=torch.long))


def test_an_unknown_camera_teaches_all_cameras_alike():
    side, _ = both(views=0)
    side(1, index(-1)).sum().backward()
    assert_close(side.table.grad, torch.full((3, 1, DIM), 2.0 / 3))


@pytest.mark.parametrize(("cameras", "views"), [(0, 0), (-1, 2), (3, -1)])
def test_counts(cameras, views):
    with pytest.raises(ValueError, match=f"num_cameras={cameras}, num_views={views}"):
        SideInformation(cameras, views, DIM)


def test_one_camera_has_a_table_of_one_row():
    side, table = both(cameras=1, views=0)
    assert side.table.shape == (1, 1, DIM)
    assert_close(side(2, index(0, -1))[:, 0], table[0, 0].expand(2, -1))
