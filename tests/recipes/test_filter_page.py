"""The page of a choice names what was chosen by."""

from pathlib import Path

import pytest

from resight.data.pool import open_pool
from resight.filtering.quality import ImageQuality
from resight.filtering.score_file import ScoreFile
from resight.filtering.scoring import score_pool
from resight.recipes.filter_keep import Choice, choose
from resight.recipes.filter_page import write_page
from tests.filtering.toy import Watcher, write_pool


@pytest.fixture
def scores(tmp_path: Path) -> ScoreFile:
    return score_pool(open_pool(write_pool(tmp_path / "pool")), [Watcher(), ImageQuality()], tmp_path)


def test_the_page_is_written(scores: ScoreFile, tmp_path: Path) -> None:
    choice = Choice(0.5, ("mean",))
    page = write_page(scores, choice, choose(scores, choice), tmp_path)
    text = page.read_text()
    assert page.name == "filter.html"
    assert "20 of 40 images are kept, the highest by mean" in text


def test_the_page_of_several_scores_shows_what_was_selected_by(scores: ScoreFile, tmp_path: Path) -> None:
    choice = Choice(0.5, ("mean", "sharpness"))
    kept = choose(scores, choice)
    text = write_page(scores, choice, kept, tmp_path).read_text()
    assert "lowest mean place by mean and sharpness that is kept" in text
    assert f"{kept.values[kept.rows].min():.2f}" in text
