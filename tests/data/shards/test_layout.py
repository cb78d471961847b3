import json
from pathlib import Path

import pytest

from resight.data.shards.layout import Shard, ShardSet, is_shard_set
from resight.errors import DataError

SET = ShardSet((Shard("00000.tar", 3, 10240, "ab"), Shard("00001.tar", 2, 10240, "cd")), 1, "f0")


def test_write_and_read(tmp_path: Path) -> None:
    assert not is_shard_set(tmp_path)
    SET.write(tmp_path)
    assert is_shard_set(tmp_path)
    assert ShardSet.read(tmp_path) == SET
    assert SET.rows == 5


def test_what_is_no_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a set of shards"):
        ShardSet.read(tmp_path)
    (tmp_path / ".packing").mkdir()
    assert is_shard_set(tmp_path)
    with pytest.raises(DataError, match="not complete"):
        ShardSet.read(tmp_path)
    SET.write(tmp_path)
    good = json.loads((tmp_path / "shards.json").read_text())
    for change, message in (
        ({"format": 2}, "format 2 is newer than this resight"),
        ({"shards": None}, r"shards\.json is damaged"),
        ({"shards": [{"name": "a"}]}, r"shards\.json is damaged"),
    ):
        (tmp_path / "shards.json").write_text(json.dumps({**good, **change}))
        with pytest.raises(DataError, match=message):
            ShardSet.read(tmp_path)
    for text in ("{}", "[]", "no json"):
        (tmp_path / "shards.json").write_text(text)
        with pytest.raises(DataError, match="is damaged"):
            ShardSet.read(tmp_path)
