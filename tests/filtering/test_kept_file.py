from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from resight.data.manifest import Manifest
from resight.filtering.kept_file import is_kept_from, write_kept_rows
from resight.filtering.score_file import ScoreFile, write_scores


def table(count: int) -> pa.Table:
    names = pa.array([f"in/{row}.jpg" for row in range(count)], pa.large_string())
    return pa.table({"image": names, "pool_key": names, "cfs": pa.array(np.arange(count), pa.float32())})


@pytest.fixture
def scores(tmp_path: Path) -> ScoreFile:
    """Five rows in two parts."""
    parts = [table(5).slice(0, 2), table(5).slice(2)]
    write_scores(parts, tmp_path / "scores.parquet", columns=("cfs",), about={"pool": "x"})
    return ScoreFile(tmp_path / "scores.parquet")


@pytest.mark.parametrize("rows", [[0, 3], [4], [0, 1, 2, 3, 4]])
def test_rows_are_written_with_their_images_and_scores(scores: ScoreFile, tmp_path: Path, rows: list[int]) -> None:
    path = tmp_path / "elsewhere" / "kept.parquet"
    write_kept_rows(scores, np.isin(np.arange(5), rows), path)
    kept = Manifest.read(path)
    assert kept.column("cfs").tolist() == rows
    assert [kept.image_path(row) for row in range(len(rows))] == [tmp_path / "in" / f"{row}.jpg" for row in rows]


def test_it_says_what_scores_it_is_from(scores: ScoreFile, tmp_path: Path) -> None:
    path = tmp_path / "kept.parquet"
    write_kept_rows(scores, np.ones(5, dtype=bool), path)
    assert is_kept_from(path, scores)
    for count, columns, about in ((5, ("cfs",), {"pool": "y"}), (4, ("cfs",), {"pool": "x"})):
        write_scores([table(count)], tmp_path / "other.parquet", columns=columns, about=about)
        assert not is_kept_from(path, ScoreFile(tmp_path / "other.parquet"))
    Manifest.read(path).write(path)  # somebody else's
    assert not is_kept_from(path, scores)
    path.write_text("no table")
    assert not is_kept_from(path, scores)
