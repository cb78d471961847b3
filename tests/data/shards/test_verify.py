from pathlib import Path

import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.data.shards.verify import verify
from resight.errors import DataError


def found(folder: Path) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(item.check, item.message, item.count, item.examples) for item in verify(folder, workers=2)[1]]


def test_a_sound_set(shards: Path) -> None:
    seen: list[tuple[int, int]] = []
    shards_found, findings = verify(shards, progress=lambda *now: seen.append(now))
    assert (shards_found.rows, findings, seen) == (24, [], [(1, 3), (2, 3), (3, 3)])


def test_junk_counts_too(crops: Manifest, tmp_path: Path) -> None:
    pack(crops.with_column("junk", [True, *[False] * 23]), tmp_path / "set")
    assert found(tmp_path / "set") == []


def test_damage_is_named(shards: Path) -> None:
    pool = open_pool(shards)
    first, second, third = (shards / f"0000{number}.tar" for number in range(3))
    data = first.read_bytes()
    for row in (2, 7):
        place = data.index(pool.read(row)) + 20
        data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    first.write_bytes(data)
    second.unlink()
    third.write_bytes(third.read_bytes()[:-1])  # padding alone: no image is lost
    (shards / "copy.tar").touch()
    assert found(shards) == [
        ("shard", "damaged shard (other bytes than were written); copy it again", 1, ("00000.tar",)),
        ("image", "damaged images in 00000.tar; the others of it can be read", 2, ("row 2", "row 7")),
        ("shard", "missing shard; copy it again", 1, ("00001.tar",)),
        ("shard", "damaged shard (10,239 bytes, expected 10,240); copy it again", 1, ("00002.tar",)),
        ("strange_tar", "tars do not belong to the set; move them away", 1, ("copy.tar",)),
    ]


def test_damaged_tables(shards: Path) -> None:
    np.save(shards / "index.npy", np.load(shards / "index.npy")[:3])
    rows = open_pool(shards / "rows.parquet").manifest()
    rows.select(range(20)).write(shards / "rows.parquet")
    checks = found(shards)
    assert [check[0] for check in checks] == ["index", "rows"]
    assert "20 rows and 20 keys, expected 24" in checks[1][1]
    rows.with_column("key", ["same"] * 24).write(shards / "rows.parquet")
    assert "24 rows and 1 keys" in found(shards)[1][1]
    (shards / "rows.parquet").write_bytes(b"no table")
    (shards / "00000.tar").write_bytes(b"")
    assert [check[0] for check in found(shards)] == ["index", "rows", "shard"]


def test_no_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a set of shards"):
        verify(tmp_path)


def test_damaged_bytes_of_the_tables(shards: Path) -> None:
    """The tars are whole, and the index says where nothing is."""
    index = np.load(shards / "index.npy")
    index["crc"][5] ^= 1
    np.save(shards / "index.npy", index)
    manifest = open_pool(shards / "rows.parquet").manifest()
    manifest.with_column("colour", ["red"] * 24).write(shards / "rows.parquet")
    checks = [(check, message.partition(";")[0]) for check, message, _, _ in found(shards)]
    assert checks == [
        ("index", "damaged index (other bytes than were written)"),
        ("rows", "manifest with other bytes than were written"),
    ]
    assert [item.severity for item in verify(shards)[1]] == ["error", "warning"]
