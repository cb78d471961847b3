from pathlib import Path

import numpy as np
import pytest

from resight.errors import DataError
from resight.filtering.blocks import Block, Blocks


def block(rows: range, damaged: tuple[int, ...] = ()) -> Block:
    read = np.array([row for row in rows if row not in damaged], dtype=np.int64)
    lost = np.array([row for row in rows if row in damaged], dtype=np.int64)
    scores = {"a": read.astype(np.float32) / 2, "b": read + 1} if len(read) else {}
    return Block(read, scores, lost, np.array([f"why {row}" for row in lost], dtype=np.str_))


def test_write_and_read_in_order(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path / "blocks", 10, 4)
    blocks.begin({"pool": "x"})
    assert len(blocks) == 3
    assert [list(blocks.rows(number)) for number in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for number, damaged in ((2, ()), (0, (1, 2)), (1, (4, 5, 6, 7))):
        assert number in blocks.missing()
        blocks.write(number, block(blocks.rows(number), damaged))
        assert number not in blocks.missing()
    found = list(blocks.read())
    assert [one.rows.tolist() for one in found] == [[0, 3], [], [8, 9]]
    assert found[0].scores["a"].tolist() == [0.0, 1.5]
    assert found[2].scores["b"].dtype == np.int64
    assert found[1].scores == {}
    assert found[0].reasons.tolist() == ["why 1", "why 2"]


def test_only_the_same_pass_goes_on(tmp_path: Path) -> None:
    Blocks(tmp_path / "blocks", 10, 4).begin({"pool": "x", "scorers": [(1, 2)]})
    Blocks(tmp_path / "blocks", 10, 4).begin({"pool": "x", "scorers": [(1, 2)]})
    for blocks, pool, changed in (
        (Blocks(tmp_path / "blocks", 11, 4), "x", "rows"),
        (Blocks(tmp_path / "blocks", 10, 5), "x", "rows_per_block"),
        (Blocks(tmp_path / "blocks", 10, 4), "y", "pool"),
    ):
        with pytest.raises(DataError, match=rf"other settings \({changed} differ\)"):
            blocks.begin({"pool": pool, "scorers": [(1, 2)]})


def test_a_damaged_block_is_named(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path / "blocks", 4, 2)
    blocks.begin({})
    for number in range(2):
        blocks.write(number, block(blocks.rows(number)))
    (tmp_path / "blocks" / "000001.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"000001\.npz is damaged .* delete it"):
        list(blocks.read())
