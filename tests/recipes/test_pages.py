from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.recipes import TrainRecipe
from resight.recipes.evaluation_set import EvaluationSet
from resight.recipes.pages import choose_rank_lists, run_result, write_evaluation_page, write_run_page
from resight.recipes.run import Outcome, train
from resight.recipes.schema import DataSection, EvaluateSection

Vectors = tuple[np.ndarray, np.ndarray]


def _vectors(test: EvaluationSet) -> Vectors:
    """Perfect, except that query 2 sits where the gallery row of another identity is."""
    gallery = np.eye(len(test.gallery), dtype=np.float32)[:, : len(test.gallery)]
    query = np.array([gallery[[row % 4 + 4 * (row // 4)]][0] for row in range(len(test.query))])
    for row, pid in enumerate(test.query.column("pid")):
        matches = np.flatnonzero(test.gallery.column("pid") == pid)
        query[row] = gallery[matches].sum(0)
    query[2] = gallery[np.flatnonzero(test.gallery.column("pid") != test.query.column("pid")[2])[0]]
    return query, gallery


@pytest.mark.parametrize("both_directions", [False, True])
def test_the_worst_query_comes_first_and_all_are_queries(tiny_manifest: Manifest, both_directions: bool) -> None:
    test = EvaluationSet.of(tiny_manifest, EvaluateSection(), DataSection(both_directions=both_directions))
    assert test is not None
    vectors = _vectors(test)
    report = test.report(*vectors)
    lists = choose_rank_lists(report, test, vectors, num_hard=1, num_others=4)
    assert lists[0].row == 2
    assert not lists[0].is_right
    assert len(lists) == 5
    assert len({found.row for found in lists}) == 5
    assert all(found.is_right for found in lists[1:])
    assert max(found.row for found in lists) < len(test.query)
    assert [found.average_precision for found in lists] == [report.average_precision[found.row] for found in lists]


def test_skipped_queries_are_not_shown(tiny_manifest: Manifest) -> None:
    gallery = tiny_manifest.split("gallery")
    only = np.flatnonzero(gallery.column("pid") == "0005")
    test = EvaluationSet(tiny_manifest.split("query"), gallery.select(only), EvaluateSection(), False)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((8, 3)), rng.standard_normal((2, 3))
    lists = choose_rank_lists(test.report(*vectors), test, vectors)
    assert {found.query.pid for found in lists} == {"0005"}


@pytest.fixture
def outcome(tiny_recipe: TrainRecipe, tmp_path: Path) -> Outcome:
    return train(tiny_recipe, tmp_path / "run")


def test_pages(outcome: Outcome, tmp_path: Path) -> None:
    result = run_result("tiny", outcome)
    assert result.num_parameters == outcome.num_parameters > 1000
    assert result.images_per_second > 0
    assert [row["epoch"] for row in result.curves] == [1, 2]
    assert write_run_page(outcome) == outcome.folder.report_html
    assert "<svg" in outcome.folder.report_html.read_text(encoding="utf-8")
    assert outcome.test is not None
    assert outcome.report is not None
    assert outcome.vectors is not None
    page = write_evaluation_page(
        tmp_path / "page.html",
        name="my/model",
        embedder=outcome.embedder,
        test=outcome.test,
        report=outcome.report,
        vectors=outcome.vectors,
    )
    assert "Evaluation of my/model" in page.read_text(encoding="utf-8")


def test_a_run_without_test_has_no_page(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="was not evaluated; its data has no query and gallery rows"):
        run_result("tiny", replace(outcome, report=None))
