import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from resight.data.convert import webdataset
from resight.data.decode import open_image
from resight.errors import DataError


def write(path: Path, *names: str) -> None:
    """A tar whose images are as wide as their place in it."""
    with tarfile.open(path, "w") as tar:
        for width, name in enumerate(names, start=1):
            buffer = io.BytesIO()
            Image.new("RGB", (width, 4)).save(buffer, "PNG")
            info = tarfile.TarInfo(name)
            info.size = buffer.tell()
            tar.addfile(info, io.BytesIO(buffer.getvalue()))


def test_images_in_order(tmp_path: Path) -> None:
    write(tmp_path / "b.tar", "0003.jpg")
    write(tmp_path / "a.tar", "./0001.front.png", "0001.json", "f.1/0001.JPG", "0002.txt")
    seen: list[tuple[int, int]] = []
    manifest = webdataset(tmp_path, progress=lambda *now: seen.append(now))
    assert list(manifest.column("key")) == ["0001", "f.1/0001", "0003"]
    assert [open_image(manifest.image_path(row)).width for row in range(3)] == [1, 3, 1]
    assert manifest.image_path(0).name == "0001.front.png"
    assert seen == [(1, 2), (2, 2)]
    manifest.write(tmp_path / "rows.csv")
    assert manifest.validate(check_files=True) == []


def test_duplicate_keys(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", "x/1.jpg", "1.jpg")
    write(tmp_path / "b.tar", "2.jpg", "1.png")
    with pytest.raises(DataError, match=r"the key '1' stands in a\.tar and again in b\.tar; expected every key once"):
        webdataset(tmp_path)


def test_what_is_no_set_of_tars(tmp_path: Path) -> None:
    (tmp_path / "unpacked.tar").mkdir()
    with pytest.raises(DataError, match=r"holds no \.tar"):
        webdataset(tmp_path)
    write(tmp_path / "a.tar", "1.txt")
    with pytest.raises(DataError, match="its 1 tars hold no image"):
        webdataset(tmp_path)
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:600])
    with pytest.raises(DataError, match=r"a\.tar cannot be read as a tar"):
        webdataset(tmp_path)
