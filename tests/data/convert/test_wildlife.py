import logging
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resight.data.convert import wildlife
from resight.errors import DataError

FIRST_BOX = '"[10.5, 20, 30, 40.0]"'

# As pandas writes it: a column for its index, lists as text
CSV = """,image_id,identity,path,date,orientation,species,bbox,split
0,a1,Ruby,turtles/größe 1.jpg,2015-07-01 10:20:30,left,loggerhead,"[10.5, 20, 30, 40.0]",train
1,a2,unknown,turtles/2.jpg,,unknown,loggerhead,,train
2,a3,0007,turtles/3.jpg,2016-01-02 00:00:00,right,green,"(1 2 3 4)",query
3,a4,0007,turtles/3.jpg,2016-01-02 00:00:00,right,green,"[5, 6, 7, 8]",database
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "metadata.csv").write_text(CSV, encoding="utf-8")
    return tmp_path


def test_the_table_of_a_folder(table: Path) -> None:
    manifest = wildlife(table)
    assert manifest.root == table
    assert manifest.column("image")[0] == "turtles/größe 1.jpg"
    assert manifest.column("pid").tolist() == ["Ruby", None, "0007", "0007"]
    assert manifest.column("viewid").tolist() == ["left", None, "right", "right"]
    assert manifest.column("split").tolist() == ["train", "train", "query", "gallery"]
    assert manifest.column("time").tolist()[0] == 1435746030
    assert math.isnan(manifest.column("time")[1])
    assert [manifest.box(row) for row in range(4)] == [(10.5, 20, 30, 40), None, (1, 2, 3, 4), (5, 6, 7, 8)]
    assert manifest.column("species").tolist() == ["loggerhead"] * 2 + ["green"] * 2
    assert manifest.column("image_id").tolist() == ["a1", "a2", "a3", "a4"]
    assert not {"", "bbox", "date", "orientation", "given_split"} & set(manifest.table.column_names)


def test_parquet_with_lists(tmp_path: Path) -> None:
    columns = {
        "path": ["a.jpg", "b.jpg"],
        "identity": pa.array([3, 4]),
        "bbox": pa.array([[1.0, 2.0, 3.0, 4.0], None]),
        "position": ["left", "right"],
        "camera": ["c1", "unknown"],
        "date": pa.array([1435746030000000, None], pa.timestamp("us")),
        "__index_level_0__": [0, 1],
    }
    pq.write_table(pa.table(columns), tmp_path / "w.parquet")
    manifest = wildlife(tmp_path / "w.parquet", root=Path("/photos"))
    assert str(manifest.image_path(0)) == "/photos/a.jpg"
    assert manifest.column("pid").tolist() == ["3", "4"]
    assert manifest.column("camid").tolist() == ["c1", None]
    assert manifest.column("viewid").tolist() == ["left", "right"]
    assert manifest.column("time")[0] == 1435746030
    assert manifest.box(0) == (1, 2, 3, 4)
    assert "__index_level_0__" not in manifest.table.column_names


def test_another_word_for_unknown(table: Path) -> None:
    assert wildlife(table, unknown="Ruby").column("pid").tolist() == [None, "unknown", "0007", "0007"]


def test_splits_that_a_manifest_does_not_know(table: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = table / "metadata.csv"
    path.write_text(path.read_text("utf-8").replace("query", "test").replace("database", "val"), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        manifest = wildlife(path)
    assert manifest.column("split").tolist() == ["train", "train", None, None]
    assert manifest.column("given_split").tolist() == ["train", "train", "test", "val"]
    assert "split is left empty where it is 'test', 'val'" in caplog.text


@pytest.mark.parametrize("dates", [("2015", "2016"), ("01/07/2015", "summer"), ("2015-07-01", "2015-13-45")])
def test_dates_that_are_no_time_stay(tmp_path: Path, dates: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"{number},{number},{number}.jpg,{date}" for number, date in enumerate(dates)]
    (tmp_path / "w.csv").write_text("\n".join(["image_id,identity,path,date", *rows]))
    with caplog.at_level(logging.WARNING):
        manifest = wildlife(tmp_path / "w.csv")
    assert [str(date) for date in manifest.column("date")] == list(dates)
    assert "time" not in manifest.table.column_names
    assert "the dates stay" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[5, 6, 7, 8]", "[5, 6, 7]", r"metadata\.csv: column 'bbox': expected x, y, width, height, came .* \(row 3\)"),
        ("[5, 6, 7, 8]", "[5, 6, 7, x]", "column 'bbox': expected lists of four numbers"),
        (
            "turtles/2.jpg,,unknown,loggerhead,",
            f"turtles/größe 1.jpg,,unknown,,{FIRST_BOX}",
            "every image and box once",
        ),
        ("identity", "who", "expected a column 'identity'; columns found"),
        ("path", "file", "expected a column 'path'; columns found"),
    ],
)
def test_bad_tables(table: Path, old: str, new: str, words: str) -> None:
    path = table / "metadata.csv"
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=words):
        wildlife(table)


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metadata\.csv: expected a manifest file, but there is no such file"):
        wildlife(tmp_path)
