import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resight.data.decode import open_image
from resight.data.manifest import Manifest
from resight.data.shards.source import packed_image
from resight.errors import DataError


def test_the_bytes_as_they_are(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 16), (250, 10, 10))
    for kind, form in {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tif": "TIFF"}.items():
        path = tmp_path / f"{kind}.dat"
        image.save(path, form)
        assert packed_image(path, None) == (path.read_bytes(), kind)
    image.save(tmp_path / "a.ppm")
    assert packed_image(tmp_path / "a.ppm", None)[1] == "ppm"


def test_a_box_is_cut_out(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 3), dtype=np.uint8)
    pixels[10:30, 5:15] = (200, 30, 90)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    data, kind = packed_image(tmp_path / "a.png", (5, 10, 10, 20))
    with Image.open(io.BytesIO(data)) as crop:
        assert (kind, crop.format, crop.size) == ("jpg", "JPEG", (10, 20))
        assert np.abs(np.asarray(crop).astype(int) - (200, 30, 90)).max() <= 2


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (9, 9, 9)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-20])
    (tmp_path / "empty.jpg").touch()
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    for name, box, message in (
        ("none.jpg", None, "there is no such image"),
        ("cut.jpg", None, "truncated"),
        ("empty.jpg", None, "cannot identify"),
        ("small.png", (9, 9, 4, 4), "outside the image"),
        (".", None, "directory"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            packed_image(tmp_path / name, box)
        assert str(tmp_path / name) in str(caught.value)


def test_images_of_shards_are_not_decoded_again(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Manifest.read(shards / "rows.parquet")
    monkeypatch.setattr("resight.data.shards.source.open_image", lambda *_: pytest.fail("decoded"))
    data, kind = packed_image(rows.image_path(3), None)
    assert (open_image(data).size, kind) == ((8, 16), "jpg")
