import json
import os
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards import pack as packing
from resight.data.shards import workers
from resight.data.shards.layout import ShardSet
from resight.data.shards.pack import pack
from resight.errors import DataError
from resight.folder_lock import hold_folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_written(crops: Manifest, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    packed = pack(crops, tmp_path / "new" / "set", rows_per_shard=10, progress=lambda *now: seen.append(now))
    folder = tmp_path / "new" / "set"
    assert sorted(contents(folder)) == [
        "00000.tar",
        "00001.tar",
        "00002.tar",
        "index.npy",
        "rows.parquet",
        "shards.json",
    ]
    assert (packed.kept, packed.shards.rows, packed.shards.skipped) == (0, 24, 0)
    assert [shard.rows for shard in packed.shards.shards] == [10, 10, 4]
    assert json.loads((folder / "shards.json").read_text())["rows"] == 24
    assert seen[-1] == (24, 24)
    with tarfile.open(folder / "00001.tar") as tar:
        assert tar.getnames() == [f"{row:09d}.jpg" for row in range(10, 20)]
        assert tar.extractfile("000000013.jpg").read() == (crops.root / "13.jpg").read_bytes()  # type: ignore[union-attr]
    rows = Manifest.read(folder / "rows.parquet")
    assert rows.validate(check_files=True) == []
    assert list(rows.column("key")) == [f"{row:09d}" for row in range(24)]
    assert list(rows.column("source")) == list(crops.column("image"))
    assert list(rows.column("score")) == list(range(24))
    assert list(rows.column("camid")) == ["a", "b"] * 12


def test_the_same_rows_give_the_same_bytes(crops: Manifest, shards: Path, tmp_path: Path) -> None:
    pack(crops, tmp_path / "again", rows_per_shard=10)
    again = contents(tmp_path / "again")
    assert all(again[name] == data for name, data in contents(shards).items() if name != "rows.parquet")


def test_images_that_cannot_be_read_are_left_out_and_listed(crops: Manifest, tmp_path: Path) -> None:
    (crops.root / "03.jpg").write_bytes(b"no image")
    for row in range(10, 20):
        (crops.root / f"{row}.jpg").unlink()
    packed = pack(crops, tmp_path / "set", rows_per_shard=10)
    assert [(shard.name, shard.rows) for shard in packed.shards.shards] == [("00000.tar", 9), ("00002.tar", 4)]
    assert (packed.shards.rows, packed.shards.skipped) == (13, 11)
    listed = (tmp_path / "set" / "skipped.csv").read_text().splitlines()
    assert len(listed) == 12
    assert listed[1].startswith('3,"03.jpg"')
    assert str(crops.root / "10.jpg") in listed[2]
    assert not (tmp_path / "set" / "00001.tar").exists()
    pool = open_pool(tmp_path / "set")
    assert [pool.key(row) for row in (2, 3, 9)] == ["000000002", "000000004", "000000020"]
    assert pool.read(9) == (crops.root / "20.jpg").read_bytes()


def test_not_one_image(crops: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (crops.root / "00.jpg").rename(crops.root / "x.jpg")
    with pytest.raises(DataError, match=r"not one of the 1 images can be read; the first: .*00\.jpg: there is no such"):
        pack(crops.select([0]), folder)
    with pytest.raises(DataError, match="not complete; run the same `resight data shard` again"):
        open_pool(folder)
    (crops.root / "x.jpg").rename(crops.root / "00.jpg")  # it was looked at again
    assert pack(crops.select([0]), folder).shards.rows == 1
    assert open_pool(folder).read(0) == (crops.root / "00.jpg").read_bytes()


def test_it_goes_on_where_it_stopped(
    crops: Manifest, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, written = tmp_path / "set", []
    write = workers.write_shard

    def breaks(folder: Path, plan: object, number: int, on_row: object) -> object:
        written.append(number)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return write(folder, plan, number, on_row)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "write_shard", breaks)
    with pytest.raises(OSError, match="No space left"):
        pack(crops, folder, rows_per_shard=10)
    (folder / "00001.tar").write_bytes(b"cut short")
    (folder / ".packing" / "00002.tar.npz").write_bytes(b"PK damaged")
    (folder / ".00002.tar.tmp").write_bytes(b"what a kill leaves")
    seen: list[tuple[int, int]] = []
    packed = pack(crops, folder, rows_per_shard=10, progress=lambda *now: seen.append(now))
    assert written == [0, 1, 2, 1, 2]
    assert (packed.kept, seen[-1]) == (1, (24, 24))
    assert contents(folder).keys() == contents(shards).keys()
    assert all(data == contents(shards)[name] for name, data in contents(folder).items() if name != "rows.parquet")
    assert open_pool(folder).manifest().table.equals(open_pool(shards).manifest().table)


def test_a_complete_set_is_left_alone(crops: Manifest, shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "write_shards", lambda *_: pytest.fail("packed again"))
    (shards / ".packing").mkdir()  # a kill just before the end leaves it
    packed = pack(crops, shards, rows_per_shard=10)
    assert (packed.kept, packed.shards) == (3, ShardSet.read(shards))
    assert not (shards / ".packing").exists()


def test_folders_that_are_something_else(crops: Manifest, shards: Path) -> None:
    with pytest.raises(DataError, match="holds something else"):
        pack(crops, crops.root)
    with pytest.raises(DataError, match="holds something else"):
        pack(crops, crops.root / "00.jpg")
    for other, rows in ((crops.select(range(23)), 10), (crops, 9)):
        with pytest.raises(DataError, match="holds shards of other rows"):
            pack(other, shards, rows_per_shard=rows)
    (shards / "shards.json").unlink()
    (shards / ".packing").mkdir()
    (shards / ".packing" / "packed_from").write_text("another")
    with pytest.raises(DataError, match="holds shards of other rows"):
        pack(crops, shards, rows_per_shard=10)


def test_one_process_at_a_time(crops: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    with hold_folder(folder, "packing", DataError), pytest.raises(DataError, match="another process is packing in"):
        pack(crops, folder)
    (folder / ".lock").touch()  # what a kill leaves
    assert pack(crops, folder).shards.rows == 24


def test_boxes_become_crops(crops: Manifest, tmp_path: Path) -> None:
    boxed = crops.select([0, 0])
    for name, values in {"box_x": [0, None], "box_y": [0, None], "box_w": [4, None], "box_h": [8, None]}.items():
        boxed = boxed.with_column(name, [None if value is None else float(value) for value in values])
    pack(boxed, tmp_path / "set")
    pool = open_pool(tmp_path / "set")
    assert [pool.pixels(row).shape for row in range(2)] == [(8, 4, 3), (16, 8, 3)]
    assert pool.read(1) == (crops.root / "00.jpg").read_bytes()
    rows = pool.manifest()
    assert rows.box(0) is None
    assert rows.column("source_box_w").tolist()[:1] == [4]


def test_a_selection_of_a_set(crops: Manifest, shards: Path, tmp_path: Path) -> None:
    """Bytes, keys and sources stay; nothing is decoded."""
    pool = open_pool(shards)
    chosen = [20, 3, 11]
    pool.manifest().select(chosen).write(tmp_path / "chosen.parquet")
    pack(Manifest.read(tmp_path / "chosen.parquet"), tmp_path / "part", rows_per_shard=2)
    part = open_pool(tmp_path / "part")
    assert [part.read(row) for row in range(3)] == [pool.read(row) for row in chosen]
    assert [part.key(row) for row in range(3)] == [pool.key(row) for row in chosen]
    assert list(part.manifest().column("source")) == ["20.jpg", "03.jpg", "11.jpg"]
    assert list(part.manifest().column("score")) == chosen


def test_from_an_lmdb(tmp_path: Path) -> None:
    lmdb = pytest.importorskip("lmdb")
    image = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(image)
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 20) as environment, environment.begin(write=True) as writer:
        for key in (b"00_01", b"00_02"):
            writer.put(key, image.read_bytes())
    pack(open_pool(tmp_path / "db").manifest(), tmp_path / "set")
    pool = open_pool(tmp_path / "set")
    assert [pool.read(row) for row in range(2)] == [image.read_bytes()] * 2
    assert list(pool.manifest().column("source")) == ["data.mdb#00_01", "data.mdb#00_02"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(crops: Manifest, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        pack(crops, tmp_path / "set")
    tmp_path.chmod(0o700)
