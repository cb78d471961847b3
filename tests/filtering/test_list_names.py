"""What a list calls images; reading and writing of lists is tested with `published_list`."""

from pathlib import Path

import pyarrow as pa
import pytest

from resight.data.convert.webdataset import webdataset
from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.errors import DataError
from resight.filtering.list_names import names_of_pool
from tests.filtering.toy import write_pool


@pytest.fixture
def lup(tmp_path: Path) -> Path:
    write_pool(tmp_path / "LUP" / "images", 6, ())
    return tmp_path / "LUP"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/d/LUP/images/a/1.jpg", "/d/LUP/images/a/2.jpg"], ["a/1.jpg", "a/2.jpg"]),
        (["/images/x/images/a/1.jpg", "/images/x/images/2.jpg"], ["a/1.jpg", "2.jpg"]),
        (["/d/a/images/1.jpg", "/d/b/images/1.jpg"], ["a/images/1.jpg", "b/images/1.jpg"]),
        (["/d/crops/1.jpg", "/d/crops/11.jpg"], ["1.jpg", "11.jpg"]),
        (["/d/images.jpg", "/d/images2.jpg"], ["images.jpg", "images2.jpg"]),
        (["/ä/images/ö.jpg", "/ä/images/ü.jpg"], ["ö.jpg", "ü.jpg"]),
        (["/d/images/only.jpg"], ["only.jpg"]),
        (["/1.jpg", "C:/2.jpg"], ["/1.jpg", "C:/2.jpg"]),
    ],
)
def test_names_start_from_the_images_or_from_the_lowest_folder(paths: list[str], names: list[str]) -> None:
    found = names_of_pool(open_pool(Manifest.from_columns({"image": paths}, "/x")))
    assert found.names().to_pylist() == names
    assert found.example == paths[0]


def test_places_in_a_list_that_starts_elsewhere() -> None:
    paths = ["/d/a/images/1.jpg", "/d/b/images/1.jpg", "/d/b/2.jpg"]
    found = names_of_pool(open_pool(Manifest.from_columns({"image": paths}, "/x")))
    for prefix in ("", "d/", "/d/"):
        listed = [f"{prefix}{name}" for name in ("b/2.jpg", "b/images/1.jpg", "c.jpg", "a/images/1.jpg")]
        assert found.places(pa.array(listed, pa.large_string())).to_pylist() == [3, 1, 0]
    assert found.places(pa.array(["images/1.jpg"], pa.large_string())).null_count == 3


def test_a_list_that_starts_in_a_folder_images() -> None:
    paths = ["/d/cam1/images/1.jpg", "/d/cam1/images/2.jpg", "/d/cam2/images/1.jpg"]
    found = names_of_pool(open_pool(Manifest.from_columns({"image": paths}, "/x")))
    listed = pa.array(["cam1/images/2.jpg", "cam1/images/1.jpg"], pa.large_string())
    assert found.places(listed).to_pylist() == [1, 0, None]
    paths = ["/d/1.jpg", "/d/2.jpg", "/d/images/1.jpg", "/d/images/2.jpg"]
    found = names_of_pool(open_pool(Manifest.from_columns({"image": paths}, "/x")))
    listed = pa.array(["images/2.jpg", "images/1.jpg"], pa.large_string())
    assert found.places(listed).to_pylist() == [None, None, 1, 0]


def test_a_column_source_of_the_user_names_no_image(lup: Path, tmp_path: Path) -> None:
    manifest = open_pool(lup / "images").manifest()
    own = manifest.with_column("source", pa.array([f"v{row}" for row in range(len(manifest))]))
    pack(own, tmp_path / "shards")
    packed = open_pool(tmp_path / "shards")
    assert names_of_pool(packed).names().to_pylist() == names_of_pool(open_pool(lup / "images")).names().to_pylist()
    assert packed.manifest().table.column("own_source").to_pylist() == [f"v{row}" for row in range(len(manifest))]
    pack(packed.manifest(), tmp_path / "again")
    assert names_of_pool(open_pool(tmp_path / "again")).names().equals(names_of_pool(packed).names())


def test_images_in_other_files_cannot_be_listed(lup: Path, tmp_path: Path) -> None:
    pack(open_pool(lup).manifest().select([0, 1]), tmp_path / "tars")
    tars = webdataset(tmp_path / "tars")
    with pytest.raises(DataError, match=r"these lie in other files, such as '.*/tars/00000\.tar#512\+"):
        names_of_pool(open_pool(tars))
    boxes = {name: [1.0, None] for name in ("box_x", "box_y", "box_w", "box_h")}
    boxed = Manifest.from_columns({"image": ["00.png", "01.png"], **boxes}, lup / "images")
    pack(boxed, tmp_path / "boxed")
    with pytest.raises(DataError, match="boxes in images"):
        names_of_pool(open_pool(tmp_path / "boxed"))
