import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional import distance_blocks as module
from resight.functional.distance import DISTANCES, angular_distance, cosine_distance, squared_euclidean_distance
from resight.functional.distance_blocks import distance_blocks, query_slices, squared_lengths

TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def vectors(dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, 16, generator=generator).to(dtype) for rows in (21, 50)]


def joined(*arguments, **options):
    blocks = [(rows, block.clone()) for rows, block in distance_blocks(*arguments, **options)]
    assert [rows.start for rows, _ in blocks] == [0, *(rows.stop for rows, _ in blocks)][:-1]
    return torch.cat([block for _, block in blocks]), len(blocks)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("memory", [1, 1500, 7000, 2**27])
def test_blocks_are_the_distance(name, dtype, memory, monkeypatch):
    monkeypatch.setattr(module, "_TILE", 32)
    query, gallery = vectors(dtype)
    found, _ = joined(query, gallery, DISTANCES[name], memory=memory)
    expected = DISTANCES[name](query, gallery)
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_any_function_of_two_sets_will_do():
    query, gallery = vectors(torch.float32)
    found, blocks = joined(query, gallery, angular_distance, memory=50 * 4 * 8)
    torch.testing.assert_close(found, angular_distance(query, gallery))
    assert blocks == 3


def test_two_types():
    query, gallery = vectors(torch.float32)
    found, _ = joined(query, gallery.double(), squared_euclidean_distance)
    torch.testing.assert_close(found, squared_euclidean_distance(query.double(), gallery.double()))
    found, _ = joined(query.bfloat16(), gallery, squared_euclidean_distance)
    torch.testing.assert_close(found, squared_euclidean_distance(query.bfloat16().float(), gallery))


def test_one_buffer_for_all_blocks():
    query, gallery = vectors(torch.float32)
    places = {block.data_ptr() for _, block in distance_blocks(query, gallery, cosine_distance, memory=50 * 4 * 5)}
    assert len(places) == 1


def test_neither_gradients_nor_autocast_change_anything():
    query, gallery = vectors(torch.float32)
    expected, _ = joined(query, gallery, squared_euclidean_distance)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = joined(query.requires_grad_(), gallery, squared_euclidean_distance)
    assert torch.equal(found, expected)
    assert not found.requires_grad


@pytest.mark.parametrize(("memory", "sizes"), [(20 * 16 * 4, [5] * 10), (28 * 16 * 4, [7] * 6 + [8]), (2**20, [50])])
def test_converted_rows_take_at_most_half_the_memory(memory, sizes):
    gallery = vectors(torch.bfloat16)[1]
    tiles = module._Tiles.of(gallery, torch.float32, memory)
    for _ in range(2):
        assert torch.equal(torch.cat([tile for _, tile in tiles]), gallery.float())
    assert [len(tile) for _, tile in tiles] == sizes
    assert max(sizes) * 16 * 4 <= tiles.room <= memory // 2


def test_rows_of_the_right_type_are_not_copied(monkeypatch):
    monkeypatch.setattr(module, "_TILE", 20)
    gallery = vectors(torch.float32)[1]
    tiles = module._Tiles.of(gallery, torch.float32, 1)
    assert [tile.data_ptr() for _, tile in tiles] == [gallery[start:].data_ptr() for start in (0, 20)]
    assert tiles.room == 0


def test_a_row_of_zeros_has_cosine_distance_1():
    found, _ = joined(torch.ones(2, 3), torch.zeros(4, 3), cosine_distance)
    assert torch.equal(found, torch.ones(2, 4))


@given(st.integers(0, 3000), st.integers(1, 10**6), st.integers(1, 2**20))
@settings(deadline=None)
def test_slices_cover_all_queries_within_the_memory(num_query, row_bytes, memory):
    slices = query_slices(num_query, row_bytes, memory)
    assert [row for rows in slices for row in range(rows.start, rows.stop)] == list(range(num_query))
    lengths = [rows.stop - rows.start for rows in slices]
    assert all(length == 1 or length * row_bytes <= memory for length in lengths)
    assert max(lengths, default=0) - min(lengths, default=0) <= 1


def test_squared_lengths_of_many_rows(monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 40)
    gallery = vectors(torch.bfloat16)[1]
    torch.testing.assert_close(squared_lengths(gallery), gallery.float().square().sum(1))


def test_errors():
    query, gallery = vectors(torch.float32)
    with pytest.raises(ValueError, match="memory: expected a positive number of bytes, got 0"):
        joined(query, gallery, cosine_distance, memory=0)
    with pytest.raises(ValueError, match=r"the same D, got \(21, 16\) and \(50, 15\)"):
        joined(query, gallery[:, 1:], cosine_distance)
