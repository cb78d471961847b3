from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.filtering import score_file
from resight.filtering.score_file import ScoreFile, write_rows, write_scores


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
            "code": pa.array([None if row == 7 else row for row in range(20)], pa.int64()),
        }
    )
    parts = [table.slice(0, 13), table.slice(13)]
    write_scores(parts, tmp_path / "scores.parquet", columns=("cfs", "code"), about={"pool": "p"})
    return ScoreFile(tmp_path / "scores.parquet")


def test_columns_are_read_alone(scores: ScoreFile) -> None:
    assert len(scores) == 20
    assert scores.columns == ("cfs", "code")
    assert scores.about == {"pool": "p"}
    expected = np.arange(20, dtype=np.float32) / 10
    expected[7] = np.nan
    np.testing.assert_array_equal(scores.scores("cfs"), expected)
    assert scores.scores("cfs").dtype == np.float32
    assert scores.codes("code").tolist() == [0 if row == 7 else row for row in range(20)]
    with pytest.raises(DataError, match="no score 'blur'; it has cfs, code"):
        scores.scores("blur")


def test_rows_come_in_the_order_asked_for(scores: ScoreFile) -> None:
    rows = np.array([15, 2, 2, 19, 6])
    assert scores.manifest(rows).column("image").tolist() == [f"{row:02d}.png" for row in rows]
    assert scores.keys(np.array([0, 5, 6, 19])).to_pylist() == ["k19", "k14", "k13", "k00"]
    assert len(scores.manifest(np.array([], dtype=np.int64))) == 0
    assert scores.keys(np.array([], dtype=np.int64)).to_pylist() == []


def test_kept_rows_are_a_manifest_of_their_own(scores: ScoreFile, tmp_path: Path) -> None:
    kept = np.zeros(20, dtype=bool)
    kept[[1, 12, 13, 19]] = True
    (tmp_path / "deep").mkdir()
    write_rows(scores, kept, tmp_path / "deep" / "kept.parquet")
    manifest = Manifest.read(tmp_path / "deep" / "kept.parquet")
    assert [str(manifest.image_path(row)) for row in range(4)] == [
        str(tmp_path / f"{row:02d}.png") for row in (1, 12, 13, 19)
    ]
    assert manifest.column("cfs").tolist() == pytest.approx([0.1, 1.2, 1.3, 1.9])


def test_what_is_no_file_of_scores(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is none; `resight filter` makes one"):
        ScoreFile(tmp_path / "scores.parquet")
    pa.parquet.write_table(pa.table({"image": ["a"]}), tmp_path / "plain.parquet")
    with pytest.raises(DataError, match="this Parquet file has no word of its scores"):
        ScoreFile(tmp_path / "plain.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"broken\.parquet: expected a file of scores"):
        ScoreFile(tmp_path / "broken.parquet")


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    def parts() -> object:
        yield pa.table({"image": ["a"]})
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_scores(parts(), tmp_path / "scores.parquet", columns=("cfs",), about={})
    assert not list(tmp_path.iterdir())
