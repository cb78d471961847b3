from typing import Any, cast

import numpy as np
import pytest

from resight.data.join import join
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import average_reports, evaluate, evaluate_draws
from resight.functional.rerank import Rerank
from resight.recipes import evaluation_set
from resight.recipes.evaluation_set import EvaluationSet, Listener, report_json, report_numbers
from resight.recipes.schema import DataSection, EvaluateSection


def _vectors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)


def test_data_without_a_test(tiny_manifest: Manifest) -> None:
    assert EvaluationSet.of(tiny_manifest.split("train"), EvaluateSection(), DataSection()) is None


@pytest.mark.parametrize(("part", "missing"), [("query", "gallery"), ("gallery", "query")])
def test_half_a_test_is_an_error(tiny_manifest: Manifest, part: str, missing: str) -> None:
    with pytest.raises(DataError, match=f"split '{missing}' has no rows"):
        EvaluationSet.of(tiny_manifest.split(part), EvaluateSection(), DataSection())


def test_workers_of_the_data_load_the_test_too(tiny_manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def embed(embedder: Any, part: Manifest, *, workers: int, **others: Any) -> np.ndarray:
        seen.append(workers)
        return _vectors(len(part), 0)

    monkeypatch.setattr(evaluation_set, "embed_in_shards", embed)
    test = EvaluationSet.of(tiny_manifest, EvaluateSection(), DataSection(workers=2))
    assert test is not None
    test.embed(cast("Any", None), Listener())
    assert seen == [2, 2]


def test_report_is_that_of_the_protocol(tiny_manifest: Manifest) -> None:
    section = EvaluateSection(metric="cosine", cross_camera=False, max_rank=3)
    test = EvaluationSet.of(tiny_manifest, section, DataSection())
    assert test is not None
    query, gallery = _vectors(8, 0), _vectors(8, 1)
    report = test.report(query, gallery)
    expected = evaluate(query, test.query, gallery, test.gallery, metric="cosine", cross_camera=False, max_rank=3)
    assert report.to_json() == expected.to_json()
    assert len(report.cmc) == 3
    numbers = report_numbers(report)
    assert set(numbers) == {"mean_ap", "mean_inp", "rank_1"}, "Rank-5 is beyond the ranks that were kept"
    assert numbers["rank_1"] == report.rank(1)


def test_re_ranking_of_both_directions_and_of_draws(tiny_manifest: Manifest) -> None:
    query, gallery = _vectors(8, 0), _vectors(8, 1)
    section = EvaluateSection.model_validate({"rerank": {"k1": 4, "k2": 2, "weight": 0.1}})
    test = EvaluationSet.of(tiny_manifest, section, DataSection(both_directions=True))
    assert test is not None
    settings = Rerank(4, 2, 0.1)
    there = evaluate(query, test.query, gallery, test.gallery, rerank=settings)
    back = evaluate(gallery, test.gallery, query, test.query, rerank=settings)
    report = test.report(query, gallery)
    assert report.to_json() == average_reports([there, back]).to_json()
    assert there.to_json() != evaluate(query, test.query, gallery, test.gallery).to_json()
    rows = test.rows().with_column("gallery_draws", [2] * 8 + [1] * 8)  # the same two evaluations
    drawn = EvaluationSet.of(rows, section, DataSection())
    assert drawn is not None
    assert drawn.report(query, gallery).mean_ap == pytest.approx(report.mean_ap)


def test_both_directions(tiny_manifest: Manifest) -> None:
    test = EvaluationSet.of(tiny_manifest, EvaluateSection(), DataSection(both_directions=True))
    assert test is not None
    query, gallery = _vectors(8, 0), _vectors(8, 1)
    there = evaluate(query, test.query, gallery, test.gallery)
    back = evaluate(gallery, test.gallery, query, test.query)
    report = test.report(query, gallery)
    assert report.mean_ap == average_reports([there, back]).mean_ap
    assert there.mean_ap != back.mean_ap
    assert report.num_query == 16


def test_drawn_galleries(tiny_manifest: Manifest) -> None:
    rows = tiny_manifest.select(tiny_manifest.codes("split", ["query", "gallery"]) >= 0)
    bits = [1 if split == "gallery" else 2 for split in rows.column("split")]  # the second draw swaps the sides
    rows = rows.with_column("gallery_draws", bits)
    test = EvaluationSet.of(rows, EvaluateSection(max_rank=3), DataSection())
    assert test is not None
    query, gallery = _vectors(8, 0), _vectors(8, 1)
    report = test.report(query, gallery)
    assert report.to_json() == evaluate_draws(np.concatenate([query, gallery]), test.rows(), max_rank=3).to_json()
    plain = EvaluationSet.of(tiny_manifest, EvaluateSection(max_rank=3), DataSection(both_directions=True))
    assert report.mean_ap == plain.report(query, gallery).mean_ap
    with pytest.raises(DataError, match="both_directions has to be off"):
        EvaluationSet.of(rows, EvaluateSection(), DataSection(both_directions=True))


def test_joined_sets_are_evaluated_alone_and_together(
    tiny_manifest: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    test = EvaluationSet.of(tiny_manifest, EvaluateSection(), DataSection())
    assert test is not None
    query, gallery = _vectors(8, 0), _vectors(8, 1)
    assert test.reports_by_dataset(query, gallery) == {}
    assert report_json(test.report(query, gallery), test, (query, gallery)) == test.report(query, gallery).to_json()

    distractors = Manifest.from_columns({"image": ["x", "y"], "pid": ["1", "2"], "split": ["gallery"] * 2}, "/")
    joined = join({"a": tiny_manifest, "b": Manifest(tiny_manifest.table, "/elsewhere"), "c": distractors})
    both = EvaluationSet.of(joined, EvaluateSection(), DataSection())
    assert both is not None
    vectors = np.concatenate([query, -query]), np.concatenate([gallery, _vectors(8, 2), _vectors(2, 3)])
    reports = both.reports_by_dataset(*vectors)
    assert list(reports) == ["a", "b"]
    assert reports["a"].mean_ap == test.report(query, gallery).mean_ap
    assert reports["b"].mean_ap == test.report(-query, _vectors(8, 2)).mean_ap
    assert "the data set c is not evaluated alone" in caplog.text
    together = both.report(*vectors)
    assert together.num_gallery == 18
    content = report_json(together, both, vectors)
    assert content["mean_ap"] == together.mean_ap < reports["a"].mean_ap
    assert content["datasets"]["b"] == reports["b"].to_json()
