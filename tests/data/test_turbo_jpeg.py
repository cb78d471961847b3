import io
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from resight.data.decode import open_image, open_pixels
from resight.data.turbo_jpeg import turbo_pixels
from resight.errors import DataError, MissingExtraError

pytest.importorskip("simplejpeg")


def photo(height: int = 61, width: int = 47) -> Image.Image:
    """Smooth colours with an edge, as JPEG likes them."""
    y, x = np.mgrid[:height, :width]
    planes = (128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 7), np.where(x > y, 220, 30))
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


def jpeg(image: Image.Image | None = None, **settings: object) -> bytes:
    buffer = io.BytesIO()
    (image or photo()).save(buffer, "JPEG", **settings)
    return buffer.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(exif=exif)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"quality": 30}, {"optimize": True}])
def test_pixels_equal_those_of_pillow(subsampling: int, settings: dict) -> None:
    data = jpeg(subsampling=subsampling, **settings)
    pixels = turbo_pixels(data)
    assert pixels is not None
    assert np.array_equal(pixels, np.asarray(open_image(data)))


@pytest.mark.parametrize(
    "data", [jpeg(photo().convert("L")), jpeg(photo().convert("CMYK")), turned()], ids=["grey", "cmyk", "turned"]
)
def test_what_is_not_plain_is_left_to_pillow(data: bytes) -> None:
    assert turbo_pixels(data) is None
    assert np.array_equal(open_pixels(data, decoder="turbo"), np.asarray(open_image(data)))


@pytest.mark.parametrize("data", [jpeg()[:-400], b"", b"no image"], ids=["cut short", "empty", "text"])
def test_what_is_broken_is_told_by_pillow(data: bytes) -> None:
    assert turbo_pixels(data) is None
    with pytest.raises(DataError, match="cannot read the image given as bytes"):
        open_pixels(data, decoder="turbo")


def test_an_enormous_image_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert turbo_pixels(jpeg()) is None


def test_files_and_boxes(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    for box in (None, (3, 5, 20, 30), (-4, 50, 100, 100)):
        for decoder in ("pillow", "turbo"):
            assert np.array_equal(open_pixels(path, box, decoder), np.asarray(open_image(path, box)))
    with pytest.raises(DataError, match=r"box .* lies outside the image .*a\.jpg of 47x61 pixels"):
        open_pixels(path, (100, 100, 5, 5), "turbo")
    with pytest.raises(DataError, match=r"image not found: .*gone\.jpg"):
        open_pixels(tmp_path / "gone.jpg", decoder="turbo")


def test_without_the_package(tmp_path: Path) -> None:
    with (
        mock.patch.dict("sys.modules", {"simplejpeg": None}),
        pytest.raises(MissingExtraError, match=r"resight\[fast\]"),
    ):
        turbo_pixels(jpeg())
