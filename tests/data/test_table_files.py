import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resight.data import Manifest
from resight.data.table_files import read_table, write_table
from resight.errors import DataError


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.csv", b"", "expected a column 'image'; columns found: none, the file is empty"),
        ("m.csv", b"path,pid\na,1\n", "expected a column 'image'; columns found: path, pid"),
        ("m.csv", b"image;pid\na;1\n", "columns found: image;pid; the file seems to be separated by semicolons"),
        ("m.csv", b"image\tpid\na\t1\n", "semicolons or tabs: save it with commas"),
        ("m.csv", b"image,pid\na,1\nb\n", "cannot be read as CSV"),
        ("m.csv", "image,pid\nä,ö\n".encode("latin-1"), "cannot be read as CSV"),
        ("m.csv", "imägé\n".encode("latin-1"), "cannot be read as CSV"),
        ("m.csv", b"\x00\x01\x02", "m.csv"),
        ("m.parquet", b"", "cannot be read as PARQUET"),
        ("m.parquet", b"image,pid\na,1\n", "cannot be read as PARQUET"),
        ("m.txt", b"image\na\n", "a manifest ends in .parquet or .csv, came '.txt'"),
        ("m", b"image\na\n", "came 'no suffix'"),
    ],
)
def test_files_that_are_no_manifest(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        Manifest.read(tmp_path / name)
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file; check the path"):
        Manifest.read(tmp_path / "absent.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="it is a folder"):
        Manifest.read(tmp_path / "folder.csv")
    with pytest.raises(DataError, match="does not exist; create it first"):
        write_table(pa.table({"image": ["a"]}), tmp_path / "absent" / "m.csv")
    with pytest.raises(DataError, match="ends in"):
        write_table(pa.table({"image": ["a"]}), tmp_path / "m.xlsx")


def test_parquet_without_image_lists_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "m.parquet")
    with pytest.raises(DataError, match="expected a column 'image'; columns found: path"):
        Manifest.read(tmp_path / "m.parquet")


def test_parquet_in_a_folder_named_like_a_partition(tmp_path: Path) -> None:
    folder = tmp_path / "split=train"
    folder.mkdir()
    pq.write_table(pa.table({"image": ["a"], "pid": [7]}), folder / "m.parquet")
    table = Manifest.read(folder / "m.parquet").table
    assert table.column_names == ["image", "pid"]
    assert table.column("pid").to_pylist() == ["7"]


def test_many_row_groups_give_one_dictionary(tmp_path: Path) -> None:
    table = pa.table({"image": [str(n) for n in range(10)], "pid": [f"p{n % 7}" for n in range(10)]})
    pq.write_table(table, tmp_path / "m.parquet", row_group_size=3)
    assert Manifest.read(tmp_path / "m.parquet").column("pid").tolist() == [f"p{n % 7}" for n in range(10)]


def test_quotes_line_breaks_and_commas_in_cells(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b'image,note\r\n"a,b.jpg","two\nlines"\r\n"c""d.jpg",\r\n')
    table = read_table(tmp_path / "m.csv")
    assert table.column("image").to_pylist() == ["a,b.jpg", 'c"d.jpg']
    assert table.column("note").to_pylist() == ["two\nlines", None]


def test_written_files_are_readable_by_others(tmp_path: Path) -> None:
    write_table(pa.table({"image": ["a"]}), tmp_path / "m.csv")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "m.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_cells_that_a_manifest_does_not_know_are_written_as_they_were(tmp_path: Path) -> None:
    rows = ["plate,seen,flag,share,note", "0012,2024-05-01 12:00,TRUE,1.50,", "1e5,,no,nan,NA"]
    images = ["image", "a.jpg", "b.jpg"]
    (tmp_path / "m.csv").write_text("\n".join(map(",".join, zip(images, rows, strict=True))) + "\n")
    Manifest.read(tmp_path / "m.csv").write(tmp_path / "again.csv")
    with (tmp_path / "m.csv").open() as before, (tmp_path / "again.csv").open() as after:
        assert list(csv.reader(after)) == list(csv.reader(before))
