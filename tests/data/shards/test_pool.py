import logging
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.data.pool import ShardPool, open_pool
from resight.errors import DataError


def test_reading(crops: Manifest, shards: Path) -> None:
    pool = ShardPool(str(shards))
    assert len(pool) == 24
    assert "24 images in 3 shards" in repr(pool)
    for row in (0, 9, 10, 23):
        assert pool.read(row) == (crops.root / f"{row:02d}.jpg").read_bytes()
        assert pool.key(row) == f"{row:09d}"
        assert pool.pixels(row).shape == (16, 8, 3)
        assert pool.box(row) is None
    pool.announce(range(24))
    for row in (-1, 24):
        with pytest.raises(IndexError, match=f"row {row} of a pool of 24 images"):
            pool.read(row)
    assert list(pool.manifest().column("score")) == list(range(24))
    assert pool.manifest().validate(check_files=True) == []


def test_the_set_can_move(shards: Path, tmp_path: Path) -> None:
    first = ShardPool(shards).read(3)
    moved = shards.rename(tmp_path / "moved")
    pool = ShardPool(moved)
    assert pool.read(3) == first
    assert pool.manifest().image_path(3).is_relative_to(moved)
    assert pool.manifest().validate(check_files=True) == []


def _read_all(pool: ShardPool, pipe: Connection) -> None:
    pipe.send([pool.read(row) for row in range(len(pool))])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_and_threads(shards: Path, method: str) -> None:
    pool = ShardPool(shards)
    expected = [pool.read(row) for row in range(24)]
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context(method).Process(target=_read_all, args=(pool, theirs))
    process.start()
    assert ours.recv() == expected
    process.join()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(pool.read, list(range(24)) * 20)) == expected * 20
    assert len(pickle.dumps(pool)) < 500


def test_a_damaged_image_is_named_and_the_others_are_read(shards: Path) -> None:
    pool = ShardPool(shards)
    place = (shards / "00001.tar").read_bytes().index(pool.read(13))
    with (shards / "00001.tar").open("r+b") as file:
        file.seek(place + 30)
        file.write(b"\0\1")
    pool = ShardPool(shards)
    with pytest.raises(DataError, match=r"00001\.tar: the image of row 13 is damaged: its checksum is wrong; copy"):
        pool.read(13)
    assert [len(pool.read(row)) > 0 for row in (12, 14)] == [True, True]


def test_a_shard_cut_short(shards: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = (shards / "00001.tar").read_bytes()
    place = data.index(ShardPool(shards).read(13))
    (shards / "00001.tar").write_bytes(data[: place + 10])
    with caplog.at_level(logging.WARNING):
        pool = ShardPool(shards)
    assert f"00001.tar has {place + 10:,} bytes, expected {len(data):,}" in caplog.text
    pool.announce(range(24))
    readable = [row for row in range(24) if _can_read(pool, row)]
    assert readable == [*range(13), *range(20, 24)]
    messages = []
    for row in (15, 17):
        with pytest.raises(DataError, match="is cut short: images at its end cannot be read") as caught:
            pool.read(row)
        messages.append(str(caught.value))
    assert messages[0] == messages[1], "a log names it once"
    with pytest.raises(DataError, match="row 15 has a damaged header"):
        pool.key(15)


def test_a_missing_shard(shards: Path, caplog: pytest.LogCaptureFixture) -> None:
    (shards / "00000.tar").unlink()
    with caplog.at_level(logging.WARNING):
        pool = ShardPool(shards)
    assert "00000.tar: No such file or directory; its 10 images are left out" in caplog.text
    pool.announce(range(24))
    messages = set()
    for row in range(10):
        with pytest.raises(DataError) as caught:
            pool.read(row)
        messages.add(str(caught.value))
    assert len(messages) == 1, "so that a log names it once"
    assert "none of its 10 images can be read" in messages.pop()
    assert all(_can_read(pool, row) for row in range(10, 24))


def test_sets_that_cannot_be_opened(shards: Path, tmp_path: Path) -> None:
    index = np.load(shards / "index.npy")
    np.save(shards / "index.npy", index[:-1])
    with pytest.raises(DataError, match=r"index\.npy: expected an index of 24 images, came .* \(23,\)"):
        open_pool(shards)
    (shards / "index.npy").write_bytes((shards / "index.npy").read_bytes()[:150])
    with pytest.raises(DataError, match=r"index\.npy is missing or damaged: .*; copy it again"):
        open_pool(shards)
    (shards / "index.npy").unlink()
    with pytest.raises(DataError, match=r"index\.npy is missing or damaged"):
        open_pool(shards)
    np.save(shards / "index.npy", index)
    for tar in shards.glob("*.tar"):
        tar.unlink()
    with pytest.raises(DataError, match="not one of its 3 shards is there"):
        open_pool(shards)
    with pytest.raises(DataError, match=r"there is no shards\.json"):
        ShardPool(tmp_path)


def _can_read(pool: ShardPool, row: int) -> bool:
    try:
        return bool(pool.read(row))
    except DataError:
        return False
