from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resight.data.convert import csv_table
from resight.errors import DataError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("path,identity,camid,taken,mood\na.jpg,0002,1,2024-05-01T00:00:00Z,7\nb.jpg,,2,,8\n")
    return path


COLUMNS = {"image": "path", "pid": "identity", "time": "taken"}


def test_mapping(table: Path, tmp_path: Path) -> None:
    manifest = csv_table(table, columns=COLUMNS)
    assert manifest.table.column_names == ["image", "pid", "camid", "time", "mood"]
    assert manifest.column("pid").tolist() == ["0002", None]
    assert manifest.column("camid").tolist() == ["1", "2"]
    assert manifest.column("time")[0] == 1714521600
    assert manifest.column("mood").tolist() == ["7", "8"]
    assert manifest.root == tmp_path


def test_images_elsewhere(table: Path) -> None:
    assert csv_table(table, columns=COLUMNS, root="/images").image_path(0) == Path("/images/a.jpg")


def test_parquet_with_swapped_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": ["1"], "pid": ["a.jpg"]}), tmp_path / "t.parquet")
    manifest = csv_table(tmp_path / "t.parquet", columns={"image": "pid", "pid": "image"})
    assert (manifest.column("image")[0], manifest.column("pid")[0]) == ("a.jpg", "1")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (None, "expected a column 'image'; columns found: path, identity"),
        ({"image": "file"}, "expected a column 'file'; columns found: path"),
        ({"image": "path", "identity": "pid"}, "a manifest has no column identity; it has image, pid"),
        ({"image": "path", "pid": "path"}, "one column of the manifest only"),
        ({"image": "path", "camid": "mood"}, "takes 'mood' for 'camid', but the file has a column of that name"),
        ({"image": "path", "time": "identity", "split": "mood"}, r"table\.csv: .*split.*came '7' \(row 0\)"),
    ],
)
def test_bad_mappings(table: Path, columns: dict[str, str] | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        csv_table(table, columns=columns)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        csv_table(tmp_path / "absent.csv")
