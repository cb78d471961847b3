import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image

from resight.data.check import check
from resight.data.dataset import CropDataset, Vocabulary, eval_loader
from resight.data.decode import open_image
from resight.data.image_files import has_image, is_inside, lmdb_keys, lmdb_place, read_image
from resight.data.manifest import Manifest
from resight.data.shards.members import end_of_tar, member_bytes
from resight.data.transforms import EvalTransform
from resight.errors import DataError, MissingExtraError

KEYS = [f"00_00_0000_{number:08d}" for number in range(12)]


def encoded(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 32), (20 * number, 0, 255)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An LMDB of twelve images, its data file."""
    folder = tmp_path / "lup#1"
    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        for number, key in enumerate(KEYS):
            transaction.put(key.encode(), encoded(number))
        transaction.put(b"__len__", b"12")
        transaction.put("人/1.png".encode(), encoded(0))
    return folder / "data.mdb"


@pytest.fixture
def manifest(archive: Path) -> Manifest:
    return Manifest.from_columns({"image": [f"lup#1/data.mdb#{key}" for key in KEYS]}, archive.parents[1])


def test_places() -> None:
    assert lmdb_place("a/data.mdb#k") == ("a/data.mdb", "k")
    assert lmdb_place(Path("a/b.LMDB#k/1#2.jpg")) == ("a/b.LMDB", "k/1#2.jpg")
    assert [lmdb_place(path) for path in ("a#1.jpg", "a/data.mdb", "x.mdb/#k", "b#.mdb")] == [None] * 4


def test_entries_and_files(archive: Path, tmp_path: Path) -> None:
    assert read_image(f"{archive}#{KEYS[3]}") == encoded(3)
    assert read_image(Path(f"{archive}#人/1.png")) == encoded(0)
    assert lmdb_keys(archive) == [*KEYS, "人/1.png"]
    (tmp_path / "photo#1.png").write_bytes(encoded(1))
    assert read_image(tmp_path / "photo#1.png") == encoded(1)
    places = [f"{archive}#{KEYS[0]}", f"{archive}#other", f"{archive}x#k", str(tmp_path / "photo#1.png"), str(archive)]
    assert [has_image(place) for place in places] == [True, False, False, True, True]


def test_what_is_missing_or_broken_is_named(archive: Path, tmp_path: Path) -> None:
    for place in (f"{archive}#other", f"{tmp_path}/no.mdb#k"):
        with pytest.raises(DataError, match=r"image not found: .*mdb#"):
            open_image(place)
    (tmp_path / "bad.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match=r"cannot read the image .*bad\.mdb#k: .*cannot be opened as an LMDB"):
        open_image(f"{tmp_path}/bad.mdb#k")


def test_without_the_package(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(MissingExtraError, match=r"resight\[lmdb\]"):
        open_image(f"{archive}#{KEYS[0]}")


def test_a_manifest_moves_and_is_checked(manifest: Manifest, archive: Path, tmp_path: Path) -> None:
    manifest.write(archive.parent / "inside.csv")
    read = Manifest.read(archive.parent / "inside.csv")
    assert read.column("image")[2] == f"data.mdb#{KEYS[2]}"
    assert open_image(read.image_path(2)).getpixel((0, 0)) == (40, 0, 255)
    assert check(read, decode=True) == check(read) == []
    broken = read.with_column("image", [f"data.mdb#{key}" for key in [*KEYS[:11], "__len__"]])
    assert [finding.check for finding in check(broken, decode=True)] == ["broken_image"]
    absent = read.with_column("image", [f"data.mdb#{key}" for key in [*KEYS[:11], "absent"]])
    for options in ({"decode": True}, {}):
        assert [finding.check for finding in check(absent, **options)] == ["missing_file"]


def images(manifest: Manifest, workers: int) -> np.ndarray:
    dataset = CropDataset(manifest, EvalTransform((16, 8)), Vocabulary())
    return torch.cat([batch.images for batch in eval_loader(dataset, batch_size=3, workers=workers)]).numpy()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_of_a_loader_read_what_this_process_has_open(manifest: Manifest) -> None:
    expected = images(manifest, 0)
    assert len(np.unique(expected[:, 0, 0, 0])) == 12
    for _ in range(2):
        assert np.array_equal(images(manifest, 2), expected)
        assert np.array_equal(images(manifest, 0), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forks_while_threads_read(archive: Path) -> None:
    def read(number: int) -> bool:
        return read_image(f"{archive}#{KEYS[number % 12]}") == encoded(number % 12)

    with ThreadPoolExecutor(3) as pool:
        results = pool.map(read, range(600))
        children = []
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if read(5) else 1)
            children.append(child)
        assert all(results)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 5


def test_members_of_a_tar(tmp_path: Path) -> None:
    data = member_bytes("1.png", encoded(1)) + member_bytes("2.png", encoded(2))
    (tmp_path / "a.tar").write_bytes(data + end_of_tar(len(data)))
    first = f"{tmp_path / 'a.tar'}#512+{len(encoded(1))}/1.png"
    assert read_image(first) == read_image(Path(first)) == encoded(1)
    assert open_image(first).size == (16, 32)
    assert [is_inside(path) for path in (first, tmp_path / "a.tar", f"{tmp_path}/a.mdb#k")] == [True, False, True]
    other = first.replace("1.png", "2.png")
    assert [has_image(path) for path in (first, other, first.replace("a.tar", "b.tar"))] == [True, False, False]
    manifest = Manifest.from_columns(
        {"image": [first.removeprefix(f"{tmp_path}/"), "x/../b.tar#1+2/./c//d.png"]}, tmp_path
    )
    assert manifest.image_path(0) == Path(first)
    assert manifest.column("image")[1] == "x/../b.tar#1+2/./c//d.png", "names inside a tar stay as they are"
