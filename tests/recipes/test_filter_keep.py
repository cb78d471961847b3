"""Choices from scores: shares, gates, several scores, and what is written of them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.errors import DataError
from resight.filtering.codes import CodeWriter
from resight.filtering.quality import ImageQuality, QualityLimits
from resight.filtering.score_file import ScoreFile, write_scores
from resight.filtering.scoring import PassSettings, score_pool
from resight.recipes.filter_keep import Choice, choose, numbers_of
from resight.recipes.filter_output import write_kept
from tests.filtering.toy import DAMAGED, Watcher, space, write_pool


@pytest.fixture
def scores(tmp_path: Path) -> ScoreFile:
    """Red rises with the row, 5 by 5, so `mean` does; `few` is red // 50. All have 6 x 12 pixels."""
    pool = open_pool(write_pool(tmp_path / "pool"))
    codes = CodeWriter(space(), tmp_path / "codes.bin", len(pool))
    found = score_pool(pool, [Watcher(), ImageQuality(), codes], tmp_path, settings=PassSettings(batch_size=5))
    codes.close()
    return found


def rows(scores: ScoreFile, choice: Choice) -> list[int]:
    return np.flatnonzero(choose(scores, choice).rows).tolist()


def test_a_share_of_the_pool(scores: ScoreFile, tmp_path: Path) -> None:
    kept = choose(scores, Choice(0.25, ("mean",)))
    assert np.flatnonzero(kept.rows).tolist() == list(range(30, 40))
    assert kept.refused == {"unreadable or without a score": len(DAMAGED)}
    path = write_kept(scores, kept, tmp_path)
    manifest = Manifest.read(path)
    assert manifest.column("pool_key").tolist() == [f"{row}.png" for row in range(30, 40)]
    assert len(open_pool(path)) == 10
    numbers = numbers_of(scores, Choice(0.25, ("mean",)), kept)
    assert (numbers["images"], numbers["wanted"], numbers["count"]) == (40, 10, 10)
    assert numbers["cut"] == pytest.approx(155, rel=1e-5)


def test_equal_scores_are_cut_by_key(scores: ScoreFile) -> None:
    few = scores.scores("few")
    assert few[[39, 38, 29, 28]].tolist() == [4.0, 3.0, 3.0, 2.0]
    assert rows(scores, Choice(4, ("few",))) == [29, 30, 31, 39]


def test_gates_come_first(scores: ScoreFile) -> None:
    assert rows(scores, Choice(3, ("mean",), QualityLimits(min_width=7))) == []
    kept = choose(scores, Choice(3, ("mean",), QualityLimits(min_width=6, aspect=(1.5, 2.5))))
    assert np.flatnonzero(kept.rows).tolist() == [37, 38, 39]
    assert kept.refused["size, aspect or sharpness"] == 0
    assert kept.choices.names[0] == "kept", "with gates the choice is none of those by one score"


def test_near_duplicates_leave_the_highest(scores: ScoreFile) -> None:
    everything = choose(scores, Choice(40, ("mean",), min_cosine=0.999))
    kept = np.flatnonzero(everything.rows)
    assert 39 in kept
    assert 1 < len(kept) < 38
    assert everything.refused["near duplicates"] == 38 - len(kept)
    (scores.path.parent / "codes.bin").unlink()
    with pytest.raises(DataError, match="codes"):
        choose(scores, Choice(40, ("mean",), min_cosine=0.999))


def test_several_scores_and_how_they_agree(scores: ScoreFile) -> None:
    kept = choose(scores, Choice(10, ("mean", "few")))
    assert np.flatnonzero(kept.rows).tolist() == list(range(30, 40))
    assert kept.choices.names == ("kept", "mean", "red", "few", "number", "sharpness")
    assert kept.choices.shared[0, 1] == 10
    alone = choose(scores, Choice(10, ("mean",)))
    assert alone.choices.names == ("mean", "red", "few", "number", "sharpness")


def test_the_choice_itself_is_compared_however_its_ties_fall(tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": [f"{row}.png" for row in range(20)],
            "pool_key": pa.array([f"k{19 - row:02d}" for row in range(20)], pa.large_string()),
            "same": pa.array([1.0] * 20, pa.float32()),
            "rising": pa.array(np.arange(20), pa.float32()),
        }
    )
    write_scores([table], tmp_path / "scores.parquet", columns=("same", "rising"), about={})
    kept = choose(ScoreFile(tmp_path / "scores.parquet"), Choice(5, ("same",)))
    assert np.flatnonzero(kept.rows).tolist() == [15, 16, 17, 18, 19], "the lowest keys"
    assert kept.choices.names == ("same", "rising")
    assert kept.choices.shared[0, 1] == 5


def test_impossible_choices(scores: ScoreFile) -> None:
    with pytest.raises(DataError, match="expected 1 to 40 images"):
        choose(scores, Choice(41, ("mean",)))
    with pytest.raises(DataError, match="no score 'cfs'; it has mean"):
        choose(scores, Choice(3, ("cfs",)))
