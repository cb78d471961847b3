"""A pool of 24 images, as files and packed."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from resight.data.manifest import Manifest
from resight.data.shards.pack import pack

Make = Callable[..., Path]


def jpeg(number: int, size: tuple[int, int] = (8, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (10 * number % 256, 255 - 10 * number % 256, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def crops(tmp_path: Path) -> Manifest:
    """24 JPEGs of different colours in `tmp_path / "crops"`, with a column of the user's own."""
    root = tmp_path / "crops"
    root.mkdir()
    names = [f"{number:02d}.jpg" for number in range(24)]
    for number, name in enumerate(names):
        (root / name).write_bytes(jpeg(number))
    return Manifest.from_columns({"image": names, "camid": ["a", "b"] * 12, "score": list(range(24))}, root)


@pytest.fixture
def shards(crops: Manifest, tmp_path: Path) -> Path:
    """The crops in tars of 10, 10 and 4."""
    pack(crops, tmp_path / "shards", rows_per_shard=10)
    return tmp_path / "shards"
