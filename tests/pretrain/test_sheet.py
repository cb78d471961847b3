from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resight.data.decode import Decoder
from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool
from resight.errors import DataError
from resight.pretrain.sheet import write_sheet
from resight.pretrain.views import byol_views, dino_views


def test_a_row_for_each_image_with_its_views_beside_it(tiny_manifest: Manifest, tmp_path: Path) -> None:
    pool, views = ManifestPool(tiny_manifest), dino_views((32, 16), (16, 8), local_crops=3)
    write_sheet(pool, views, tmp_path / "one.png", seed=1, count=5)
    with Image.open(tmp_path / "one.png") as sheet:
        width = max(1, round(pool.pixels(0).shape[1] * 32 / pool.pixels(0).shape[0]))
        assert sheet.size == (width + 2 * 16 + 3 * 8 + 7 * 4, 5 * 32 + 6 * 4)
        pixels = np.asarray(sheet)
    assert (pixels[:4] == 255).all()
    assert pixels[4:36, 4 : 4 + width].std() > 1
    write_sheet(pool, views, tmp_path / "again.png", seed=1, count=5)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "one.png").read_bytes()


class HalfLostPool(ManifestPool):
    """1,600 images, of which the first 1,200 cannot be read."""

    def __len__(self) -> int:
        return 1600

    def pixels(self, row: int, decoder: Decoder = "pillow") -> np.ndarray:
        if row < 1200:
            raise DataError(f"row {row} cannot be read")
        return super().pixels(row % 32, decoder)


def test_a_pool_whose_first_shards_are_missing_has_a_sheet(tiny_manifest: Manifest, tmp_path: Path) -> None:
    for seed in range(5):
        write_sheet(HalfLostPool(tiny_manifest), byol_views((32, 16)), tmp_path / "sheet.png", seed=seed, count=12)
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert sheet.height == 12 * 32 + 13 * 4


def test_a_pool_without_one_readable_image(tiny_manifest: Manifest, tmp_path: Path) -> None:
    for row in range(len(tiny_manifest)):
        Path(tiny_manifest.image_path(row)).write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot"):
        write_sheet(ManifestPool(tiny_manifest), byol_views((32, 16)), tmp_path / "sheet.png", seed=0)
