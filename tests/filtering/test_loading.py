from pathlib import Path

import pytest
import torch

from resight.data.pool import open_pool
from resight.data.transforms import resize
from resight.filtering.loading import PoolReader, pool_loader
from tests.filtering.toy import DAMAGED, first_red, write_pool

SMALL, LARGE = ((8, 4), "bilinear"), ((16, 8), "bicubic")


@pytest.mark.parametrize("workers", [0, 1])
def test_one_decode_for_every_size_and_measure(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = open_pool(write_pool(tmp_path / "pool", 20))
    decoded = []
    pixels = type(pool).pixels
    monkeypatch.setattr(type(pool), "pixels", lambda self, row, *more: decoded.append(row) or pixels(self, row, *more))
    reader = PoolReader(pool, [SMALL, LARGE], {"red": first_red}, "pillow")
    batches = [[0, 1], [2, 3, 4], [17]]
    found = list(pool_loader(reader, batches, workers=workers))
    assert [loaded.rows.tolist() for loaded in found] == [[0, 1], [2, 4], []]
    assert [row for loaded in found for row, _ in loaded.damaged] == list(DAMAGED)
    assert "03.png" in found[1].damaged[0][1]
    if not workers:
        assert decoded == [0, 1, 2, 3, 4, 17], "each image is decoded once"
    assert found[1].measured["red"].tolist() == [15.0, 25.0]
    for kind in (SMALL, LARGE):
        assert torch.equal(found[1].pixels[kind][1], resize(pool.pixels(4), *kind))
        assert found[2].pixels[kind].shape == (0, 3, *kind[0])
