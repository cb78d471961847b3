"""Every kind of pool gives the same bytes, and says what is wrong with the one it is given."""

import io
import tarfile
from pathlib import Path

import lmdb
import pytest

from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool, ShardPool, open_pool
from resight.data.shards.pack import pack
from resight.errors import DataError


@pytest.fixture
def everywhere(tiny_manifest: Manifest, tmp_path: Path) -> dict[str, Path]:
    """The tiny images as every kind of pool, all in the order of their names."""
    root = tiny_manifest.root
    places = {"folder": root, "manifest": root / "rows.parquet", "csv": root / "rows.csv"}
    tiny_manifest.write(places["manifest"])
    tiny_manifest.write(places["csv"])
    places["shards"] = tmp_path / "shards"
    pack(tiny_manifest, places["shards"], rows_per_shard=7)
    places["lmdb"], places["mdb"] = tmp_path / "lmdb", tmp_path / "lmdb" / "data.mdb"
    with lmdb.open(str(places["lmdb"]), map_size=1 << 22) as environment, environment.begin(write=True) as writer:
        for path in root.glob("*.png"):
            writer.put(path.name.encode(), path.read_bytes())
    places["tars"] = tmp_path / "tars"
    places["tars"].mkdir()
    for number in range(2):
        with tarfile.open(places["tars"] / f"{number}.tar", "w") as tar:
            for path in sorted(root.glob("*.png"))[16 * number : 16 * number + 16]:
                tar.add(path, path.name)
    return places


def test_all_hold_the_same_images(everywhere: dict[str, Path], tiny_manifest: Manifest) -> None:
    expected = [path.read_bytes() for path in sorted(tiny_manifest.root.glob("*.png"))]
    for name, place in everywhere.items():
        pool = open_pool(place)
        assert isinstance(pool, ShardPool if name == "shards" else ManifestPool)
        assert [pool.read(row) for row in range(len(pool))] == expected, name
        assert pool.pixels(5).shape == (64, 32, 3)
        assert len({pool.key(row) for row in range(len(pool))}) == 32
        manifest = pool.manifest()
        assert len(manifest) == 32
        assert manifest.validate(check_files=True) == [], name
    assert open_pool(tiny_manifest).read(3) == expected[3]
    assert open_pool(str(everywhere["shards"])).read(3) == expected[3]


def test_what_is_no_pool(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").touch()
    (tmp_path / "none.csv").write_text("image\n")
    for place, message in (
        ("nothing", "there is nothing; check the path"),
        ("empty", "holds no image"),
        ("text.txt", "expected a folder of shards, tars or images, an LMDB"),
        ("none.csv", r"a pool needs at least one image, but .*none\.csv has no rows"),
    ):
        with pytest.raises(DataError, match=message):
            open_pool(tmp_path / place)


def test_a_damaged_image_is_named(tiny_manifest: Manifest) -> None:
    first = tiny_manifest.image_path(0)
    data = first.read_bytes()
    first.write_bytes(data[:60])
    pool = open_pool(tiny_manifest)
    with pytest.raises(DataError, match=r"cannot use the image 0001_c1_0\.png \(row 0\): .*"):
        pool.pixels(0)
    first.unlink()
    with pytest.raises(DataError, match=rf"there is no image {first} \(row 0\)"):
        pool.pixels(0)
    first.mkdir()
    with pytest.raises(DataError, match=r"\(row 0\) cannot be read: .*directory"):
        pool.pixels(0)
    assert pool.pixels(1).shape == (64, 32, 3)


def test_the_box_is_cut_out(tiny_manifest: Manifest) -> None:
    boxed = tiny_manifest.select([0])
    for name, value in {"box_x": 2.0, "box_y": 3.0, "box_w": 10.0, "box_h": 20.0}.items():
        boxed = boxed.with_column(name, [value])
    assert open_pool(boxed).pixels(0, "turbo").shape == (20, 10, 3)
    assert open_pool(boxed).pixels(0).shape == (20, 10, 3)


def test_one_image(tmp_path: Path, tiny_manifest: Manifest) -> None:
    pack(tiny_manifest.select([0]), tmp_path / "one")
    pool = open_pool(tmp_path / "one")
    assert (len(pool), pool.pixels(0).shape) == (1, (64, 32, 3))
    assert open_pool(tiny_manifest.image_path(0).parent).read(0) == pool.read(0)


def test_tars_of_a_set_that_lost_its_description(everywhere: dict[str, Path]) -> None:
    """They are ordinary tars."""
    shards = everywhere["shards"]
    expected = [open_pool(shards).read(row) for row in range(32)]
    (shards / "shards.json").unlink()
    again = open_pool(shards)
    assert [again.read(row) for row in range(32)] == expected
    assert isinstance(again, ManifestPool)


def test_duplicate_keys_of_a_pickle(everywhere: dict[str, Path]) -> None:
    import pickle

    keys = [path.name for path in everywhere["folder"].glob("*.png")]
    (everywhere["lmdb"] / "keys.pkl").write_bytes(pickle.dumps([*keys, keys[0]]))
    with pytest.raises(DataError, match=r"every image and box once, came 'data\.mdb#"):
        open_pool(everywhere["lmdb"])


def test_a_tar_that_was_written_over(everywhere: dict[str, Path]) -> None:
    pool = open_pool(everywhere["tars"])
    with tarfile.open(everywhere["tars"] / "1.tar", "w") as tar:
        info = tarfile.TarInfo("other.png")
        info.size = 20_000
        tar.addfile(info, io.BytesIO(b"x" * 20_000))
    assert pool.pixels(15).shape == (64, 32, 3)
    with pytest.raises(DataError, match=r"1\.tar.* cannot be read: .*does not hold .* the manifest belongs to another"):
        pool.pixels(16)
