import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from resight.errors import DataError
from resight.filtering import score_file
from resight.filtering.score_file import ScoreFile, write_scores


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoreFile:
    """20 rows in groups of 6, of which row 7 has no score."""
    monkeypatch.setattr(score_file, "_ROWS_OF_A_GROUP", 6)
    values = [None if row == 7 else row / 10 for row in range(20)]
    table = pa.table(
        {
            "image": pa.array([f"{row:02d}.png" for row in range(20)], pa.large_string()),
            "pool_key": pa.array([f"k{19 - row:02d}" for row in range(20)], pa.large_string()),
            "cfs": pa.array(values, pa.float32()),
            "blur": pa.array(range(20), pa.float32()),
            "own_blur": pa.array(["sharp"] * 20),
        }
    )
    parts = [table.slice(0, 13), table.slice(13)]
    write_scores(parts, tmp_path / "scores.parquet", columns=("cfs", "blur"), about={"pool": "p"})
    return ScoreFile(tmp_path / "scores.parquet")


def test_columns_are_read_alone(scores: ScoreFile) -> None:
    assert len(scores) == 20
    assert scores.columns == ("cfs", "blur")
    assert scores.about == {"pool": "p"}
    expected = np.arange(20, dtype=np.float32) / 10
    expected[7] = np.nan
    np.testing.assert_array_equal(scores.scores("cfs"), expected)
    assert scores.scores("cfs").dtype == np.float32
    assert scores.scores("blur").tolist() == list(range(20))
    with pytest.raises(DataError, match="no score 'own_blur'; it has cfs, blur"):
        scores.scores("own_blur")


def test_keys_of_some_rows(scores: ScoreFile) -> None:
    assert scores.keys(np.array([0, 5, 6, 19])).to_pylist() == ["k19", "k14", "k13", "k00"]
    assert scores.keys(np.array([], dtype=np.int64)).to_pylist() == []


def test_what_is_no_file_of_scores(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is none; `resight filter` makes one"):
        ScoreFile(tmp_path / "scores.parquet")
    pa.parquet.write_table(pa.table({"image": ["a"]}), tmp_path / "plain.parquet")
    with pytest.raises(DataError, match="this Parquet file has no word of its scores"):
        ScoreFile(tmp_path / "plain.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"broken\.parquet: expected a file of scores"):
        ScoreFile(tmp_path / "broken.parquet")


TABLE = pa.table({"image": ["a"], "pool_key": ["k"], "cfs": pa.array([0.5], pa.float32()), "pid": ["p"]})
SOUND = {"format": 1, "columns": ["cfs"], "renamed": {}, "about": {}}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ({}, "was altered"),
        ([], "was altered"),
        ("cfs", "was altered"),
        ({**SOUND, "about": None}, "was altered"),
        ({**SOUND, "columns": {"cfs": 1}}, "names of its scores were altered"),
        ({**SOUND, "columns": []}, "names of its scores were altered"),
        ({**SOUND, "columns": [["cfs"]]}, "expected text as names"),
        ({**SOUND, "renamed": {"cfs": None}}, "expected text as names"),
        ({**SOUND, "columns": ["blur"]}, "no column blur as it was written"),
        ({**SOUND, "renamed": {"cfs": "filter_cfs"}}, "no column filter_cfs as it was written"),
        ({**SOUND, "columns": ["pid"]}, "no column pid as it was written"),
        ({**SOUND, "format": 2}, "expected scores in format 1, came 2; update resight"),
    ],
)
def test_an_altered_word_of_the_scores(word: object, told: str, tmp_path: Path) -> None:
    pa.parquet.write_table(TABLE.replace_schema_metadata({"resight.scores": json.dumps(word)}), tmp_path / "s.parquet")
    with pytest.raises(DataError, match=rf"s\.parquet: .*{told}"):
        ScoreFile(tmp_path / "s.parquet")


@pytest.mark.parametrize("lost", ["image", "pool_key", "cfs"])
def test_a_column_that_was_taken_out(lost: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    write_scores([TABLE], path, columns=("cfs",), about={})
    assert ScoreFile(path).scores("cfs").tolist() == [0.5]
    pa.parquet.write_table(pa.parquet.read_table(path).drop_columns([lost]), path)
    with pytest.raises(DataError, match=rf"no column {lost} as it was written; .*score the pool again"):
        ScoreFile(path)


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    def parts() -> object:
        yield pa.table({"image": ["a"]})
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_scores(parts(), tmp_path / "scores.parquet", columns=("cfs",), about={})
    assert not list(tmp_path.iterdir())
