import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resight.data import Manifest
from resight.data.manifest import sort_naturally
from resight.errors import DataError


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return Manifest.from_columns(
        {
            "image": ["a.jpg", "sub/b.jpg", "c.jpg", "d.jpg"],
            "pid": ["10", "2", None, "2"],
            "camid": ["1", None, "1", "2"],
            "split": ["train", "query", None, "query"],
            "junk": [None, False, None, True],
            "box_x": [0.5, None, None, 1.0],
            "box_y": [0.0, None, None, 1.0],
            "box_w": [4.0, None, None, 2.0],
            "box_h": [8.0, None, None, 2.0],
            "time": [1.0, None, 2.5, None],
            "plate": ["x", "", None, "y"],
            "lanes": [1, 2, 3, 4],
        },
        tmp_path,
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".CSV"])
def test_write_and_read_give_the_same_table(manifest: Manifest, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"set{suffix}"
    manifest.write(path)
    back = Manifest.read(path)
    assert back.root == tmp_path
    own = ("plate", "lanes")  # text in a CSV, where an empty one is null
    known = [name for name in manifest.table.column_names if name not in own]
    assert back.table.select(known).equals(manifest.table.select(known))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # no temporary file is left
    if suffix == ".parquet":
        assert back.table.equals(manifest.table)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(TEXT, st.none() | TEXT, st.none() | st.booleans(), st.none() | st.floats(allow_nan=False, width=64)),
        min_size=1,
        max_size=5,
    )
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_any_text_and_number_survives(tmp_path: Path, suffix: str, rows: list[tuple[object, ...]]) -> None:
    image, pid, junk, time = zip(*rows, strict=True)
    time = tuple(None if value is None or abs(value) == float("inf") else value for value in time)
    columns = {"image": [f"{n}{name}" for n, name in enumerate(image)], "pid": pid, "junk": junk, "time": time}
    typed = {"image": pa.string(), "pid": pa.string(), "junk": pa.bool_(), "time": pa.float64()}
    before = Manifest.from_columns({name: pa.array(columns[name], kind) for name, kind in typed.items()}, tmp_path)
    before.write(tmp_path / f"any{suffix}")
    assert Manifest.read(tmp_path / f"any{suffix}").table.equals(before.table)


def test_csv_text_is_not_taken_for_numbers(tmp_path: Path) -> None:
    text = "image,pid,camid,viewid,trackid,lanes\na.jpg,0002,007,1e5,00,3\nb.jpg,NA,null,nan,,4\n"
    (tmp_path / "m.csv").write_text(text, encoding="utf-8-sig")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.column("image").tolist() == ["a.jpg", "b.jpg"]
    assert manifest.column("pid").tolist() == ["0002", "NA"]
    assert manifest.column("camid").tolist() == ["007", "null"]
    assert manifest.column("viewid").tolist() == ["1e5", "nan"]
    assert manifest.column("trackid").tolist() == ["00", None]
    assert manifest.column("lanes").tolist() == ["3", "4"]


def test_images_are_written_relative_to_the_new_folder(tmp_path: Path) -> None:
    manifest = Manifest.from_columns({"image": ["in/a.jpg", "b.jpg", "/else/c.jpg"]}, tmp_path / "data")
    (tmp_path / "data" / "in").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "data", tmp_path / "data" / "in"):
        manifest.write(folder / "m.parquet")
    up, same, down = (
        Manifest.read(folder / "m.parquet") for folder in (tmp_path, tmp_path / "data", tmp_path / "data/in")
    )
    assert up.column("image").tolist() == ["data/in/a.jpg", "data/b.jpg", "/else/c.jpg"]
    assert same.column("image").tolist() == ["in/a.jpg", "b.jpg", "/else/c.jpg"]
    assert down.column("image").tolist() == ["a.jpg", f"{tmp_path}/data/b.jpg", "/else/c.jpg"]
    for back in (up, same, down):
        assert [back.image_path(row) for row in range(3)] == [manifest.image_path(row) for row in range(3)]


def test_relative_root_is_fixed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Manifest.from_columns({"image": ["a.jpg"]}, "set").write("m.csv")
    manifest = Manifest.read("m.csv")
    monkeypatch.chdir("/")
    assert manifest.image_path(0) == tmp_path / "set" / "a.jpg"


def test_columns_as_arrays(manifest: Manifest) -> None:
    assert manifest.column("pid").tolist() == ["10", "2", None, "2"]
    assert manifest.column("pid").dtype == object
    assert manifest.column("junk").tolist() == [False, False, False, True]
    np.testing.assert_array_equal(manifest.column("time"), [1.0, np.nan, 2.5, np.nan])
    assert manifest.column("viewid").tolist() == [None] * 4  # known, but absent
    assert manifest.column("plate").tolist() == ["x", "", None, "y"]
    with pytest.raises(DataError, match="no column 'colour'; columns found: image, pid"):
        manifest.column("colour")


def test_rows(manifest: Manifest, tmp_path: Path) -> None:
    assert len(manifest) == 4
    assert manifest.image_path(1) == tmp_path / "sub" / "b.jpg"
    assert manifest.box(0) == (0.5, 0.0, 4.0, 8.0)
    assert manifest.box(1) is None
    assert Manifest.from_columns({"image": ["a"]}, tmp_path).box(0) is None
    assert "4 rows" in repr(manifest)


def test_select_by_mask_and_positions(manifest: Manifest) -> None:
    assert manifest.select(np.array([True, False, False, True])).column("image").tolist() == ["a.jpg", "d.jpg"]
    assert manifest.select([3, 0, 3]).column("image").tolist() == ["d.jpg", "a.jpg", "d.jpg"]
    assert len(manifest.select([])) == 0
    assert manifest.select([3]).identities() == []  # its only row is junk
    assert manifest.select([1]).box(0) is None
    for bad in ([True], [4], [-1], [0.5], [[0]]):
        with pytest.raises(DataError, match="select"):
            manifest.select(bad)


def test_split(manifest: Manifest) -> None:
    assert manifest.split("query").column("image").tolist() == ["sub/b.jpg"]
    assert manifest.split("query", keep_junk=True).column("image").tolist() == ["sub/b.jpg", "d.jpg"]
    with pytest.raises(DataError, match=r"'gallery' has no rows; splits found: train \(1 rows\), query \(2 rows\)"):
        manifest.split("gallery")
    with pytest.raises(DataError, match="expected one of train, query, gallery, came 'test'"):
        manifest.split("test")
    with pytest.raises(DataError, match="no rows but junk"):
        manifest.select([3]).split("query")
    with pytest.raises(DataError, match="no row has a split; make one with split_manifest"):
        manifest.select([2]).split("train")


def test_vocabularies_and_codes(manifest: Manifest) -> None:
    assert manifest.identities() == ["2", "10"]
    assert manifest.cameras() == ["1"]  # camera 2 has a junk row only
    assert manifest.views() == []
    codes = manifest.codes("pid", ["2", "10"])
    assert codes.dtype == np.int64
    assert codes.tolist() == [1, 0, -1, 0]
    assert manifest.codes("pid", []).tolist() == [-1] * 4
    assert manifest.codes("viewid", ["a"]).tolist() == [-1] * 4
    assert manifest.codes("plate", ["y"]).tolist() == [-1, -1, -1, 0]
    assert manifest.codes("lanes", ["4", "2"]).tolist() == [-1, 1, -1, 0]
    with pytest.raises(DataError, match="no column"):
        manifest.codes("colour", [])


def test_natural_order() -> None:
    assert sort_naturally(["10", "9", "-1", "0002"]) == ["-1", "0002", "9", "10"]
    assert sort_naturally(["10", "9", "a"]) == ["10", "9", "a"]


def test_with_column_leaves_the_old_manifest_alone(manifest: Manifest) -> None:
    changed = manifest.with_column("pid", [1, 2, 3, 4]).with_column("score", np.arange(4.0))
    assert changed.identities() == ["1", "2", "3"]
    assert changed.column("score").tolist() == [0.0, 1.0, 2.0, 3.0]
    assert manifest.identities() == ["2", "10"]
    boxes = manifest.select([1]).with_column("box_x", [1]).with_column("box_y", [1]).with_column("box_w", [1])
    assert boxes.with_column("box_h", [3]).box(0) == (1, 1, 1, 3)
    with pytest.raises(DataError, match="expected 4 values, came 1"):
        manifest.with_column("pid", ["1"])


def test_concat_keeps_every_image_and_column(manifest: Manifest, tmp_path: Path) -> None:
    other = Manifest.from_columns({"image": ["e.jpg"], "pid": ["99"], "mine": [1.5]}, tmp_path / "sub")
    both = Manifest.concat([manifest, other])
    assert both.column("image").tolist()[-1] == "sub/e.jpg"
    assert both.image_path(4) == tmp_path / "sub" / "e.jpg"
    assert both.identities() == ["2", "10", "99"]
    assert both.column("plate").tolist()[-1] is None
    assert Manifest.concat([other, manifest]).image_path(1) == tmp_path / "a.jpg"
    with pytest.raises(DataError, match="at least one"):
        Manifest.concat([])
    with pytest.raises(DataError, match="differ in type"):
        Manifest.concat([other, other.with_column("mine", [["list"]])])


def test_concat_of_numbers_and_of_their_text(tmp_path: Path) -> None:
    numbers = Manifest.from_columns({"image": ["a", "b"], "frame": [7, None], "lanes": [2, 3]}, tmp_path)
    numbers.select([0]).with_column("image", ["c"]).write(tmp_path / "m.csv")
    both = Manifest.concat([numbers, Manifest.read(tmp_path / "m.csv")])
    assert both.column("frame").tolist() == ["7", None, "7"]
    assert both.column("lanes").tolist() == ["2", "3", "2"]
    assert Manifest.concat([numbers.select([0]), numbers.select([1])]).column("lanes").tolist() == [2, 3]


def test_a_file_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    with pytest.raises(DataError, match=r"'image': expected names in UTF-8, came 'caf\\udce9.jpg'; rename the file"):
        Manifest.from_columns({"image": ["a.jpg", name]}, tmp_path)
    manifest = Manifest.from_columns({"image": ["a.jpg"]}, tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(DataError, match=r"a folder whose name is UTF-8, came '.*/caf\\udce9'; rename it"):
        manifest.write(tmp_path / "m.csv")


def test_pickles(manifest: Manifest) -> None:
    back = pickle.loads(pickle.dumps(manifest))
    assert back.table.equals(manifest.table)
    assert back.box(0) == manifest.box(0)


def test_columns_of_unequal_length_or_mixed_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"equal lengths, came \{'image': 2, 'pid': 1\}"):
        Manifest.from_columns({"image": ["a", "b"], "pid": ["1"]}, tmp_path)
    with pytest.raises(DataError, match="column 'pid': expected values of one kind"):
        Manifest.from_columns({"image": ["a", "b"], "pid": ["1", 2]}, tmp_path)


def test_reading_refuses_bad_rows_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,split\na.jpg,train\nb.jpg,val\n")
    with pytest.raises(
        DataError, match=r"m\.csv: column 'split': expected train, query, gallery or empty.*'val' \(row 1\)"
    ):
        Manifest.read(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("image,time\na.jpg,soon\n")
    with pytest.raises(DataError, match=r"m\.csv: column 'time': expected seconds"):
        Manifest.read(tmp_path / "m.csv")


def test_empty_manifest(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,pid\n")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert len(manifest) == 0
    assert manifest.identities() == []
    assert manifest.column("pid").tolist() == []
    manifest.write(tmp_path / "m.parquet")
    assert len(Manifest.read(tmp_path / "m.parquet")) == 0


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    Manifest.from_columns({"image": ["a"]}, tmp_path).write(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"cannot hold column 'tags'.*\.parquet"):
        Manifest.from_columns({"image": ["a"], "tags": [["x"]]}, tmp_path).write(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.csv"]  # noqa: PTH208


def test_tables_need_no_torch() -> None:
    modules = "resight.data, resight.data.convert, resight.data.split, resight.data.statistics, resight.data.check"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
