import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import average_reports, evaluate
from resight.recipes.evaluation_set import EvaluationSet, report_numbers
from resight.recipes.schema import DataSection, EvaluateSection


def _vectors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)


def test_data_without_a_test(tiny_manifest: Manifest) -> None:
    assert EvaluationSet.of(tiny_manifest.split("train"), EvaluateSection(), DataSection()) is None


@pytest.mark.parametrize(("part", "missing"), [("query", "gallery"), ("gallery", "query")])
def test_half_a_test_is_an_error(tiny_manifest: Manifest, part: str, missing: str) -> None:
    with pytest.raises(DataError, match=f"split '{missing}' has no rows"):
        EvaluationSet.of(tiny_manifest.split(part), EvaluateSection(), DataSection())


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
