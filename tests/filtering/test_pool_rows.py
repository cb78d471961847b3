from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.filtering import pool_rows
from resight.filtering.pool_rows import pool_fingerprint, table_parts
from tests.filtering.toy import write_pool


@pytest.fixture
def pool(tmp_path: Path) -> Manifest:
    return write_pool(tmp_path / "pool", 20, damaged=())


def test_parts_are_the_manifest_with_keys(pool: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_rows, "_ROWS_OF_A_PART", 7)
    parts = list(table_parts(open_pool(pool), tmp_path))
    assert [part.num_rows for part in parts] == [7, 7, 6]
    table = pa.concat_tables(parts)
    assert table.column("pool_key").to_pylist() == pool.column("image").tolist()
    assert table.column("image").to_pylist() == [f"pool/{name}" for name in pool.column("image")]
    assert table.column("camid").to_pylist() == pool.column("camid").tolist()


def test_keys_of_boxes_shards_and_of_the_users_own(pool: Manifest, tmp_path: Path) -> None:
    boxed = pool.select([4, 4, 5])
    for name, values in {"box_x": [0, 1, None], "box_y": [0, 2, None], "box_w": [4, 4, None]}.items():
        boxed = boxed.with_column(name, values)
    boxed = boxed.with_column("box_h", [5.5, 5, None])

    def keys(source: Manifest | Path) -> list[str]:
        return pa.concat_tables(table_parts(open_pool(source), tmp_path)).column("pool_key").to_pylist()

    assert keys(boxed) == ["04.png@0,0,4,5.5", "04.png@1,2,4,5", "05.png"]
    own = pool.select([1, 2])
    assert keys(own.with_column("key", ["x", "y"])) == ["x", "y"]
    assert keys(own.with_column("key", ["x", None])) == ["01.png", "02.png"]
    pack(pool, tmp_path / "shards", rows_per_shard=8)
    assert keys(tmp_path / "shards") == [f"{row:09d}" for row in range(20)]


def test_keys_are_all_of_one_kind(pool: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_rows, "_ROWS_OF_A_PART", 7)
    for empty, expected in ((None, pool.column("image").tolist()), ("k19", [f"k{row}" for row in range(20)])):
        own = pool.with_column("key", [*(f"k{row}" for row in range(19)), empty])
        table = pa.concat_tables(table_parts(open_pool(own), tmp_path))
        assert table.column("pool_key").to_pylist() == expected


def test_images_of_shards_are_found_from_another_folder(pool: Manifest, tmp_path: Path) -> None:
    pack(pool, tmp_path / "shards", rows_per_shard=8)
    (tmp_path / "out").mkdir()
    table = pa.concat_tables(table_parts(open_pool(tmp_path / "shards"), tmp_path / "out"))
    there = open_pool(Manifest(table, tmp_path / "out"))
    assert np.array_equal(there.pixels(19), open_pool(pool).pixels(19))


def test_the_fingerprint_is_that_of_images_and_their_order(pool: Manifest, tmp_path: Path) -> None:
    first = pool_fingerprint(open_pool(pool))
    assert first == pool_fingerprint(open_pool(pool.with_column("camid", ["z"] * 20)))
    assert first == pool_fingerprint(open_pool(Manifest.concat([pool.select(range(9)), pool.select(range(9, 20))])))
    assert first != pool_fingerprint(open_pool(pool.select(range(19))))
    assert first != pool_fingerprint(open_pool(pool.select([1, 0, *range(2, 20)])))
    pack(pool, tmp_path / "one", rows_per_shard=8)
    pack(pool.select(range(19)), tmp_path / "other", rows_per_shard=8)
    prints = {pool_fingerprint(open_pool(tmp_path / name)) for name in ("one", "other")}
    assert len(prints | {first}) == 3
