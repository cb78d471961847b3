import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import average_reports, evaluate, evaluate_draws


def vehicles(**columns: list[object]) -> Manifest:
    images = [f"{row}.jpg" for row in range(9)]
    return Manifest.from_columns({"image": images, "pid": list("abcabcabc"), **columns}, "/")


def test_the_mean_over_the_draws() -> None:
    test = vehicles(gallery_draws=[1, 1, 2, 2, 0, 0, 0, 2, 1])
    vectors = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    reports = []
    for gallery in ([0, 1, 8], [2, 3, 7]):
        query = [row for row in range(9) if row not in gallery]
        reports.append(evaluate(vectors[query], test.select(query), vectors[gallery], test.select(gallery)))
    report = evaluate_draws(vectors, test)
    assert report.to_json() == average_reports(reports).to_json()
    assert report.num_query == 12
    assert reports[0].mean_ap != reports[1].mean_ap
    assert len(evaluate_draws(vectors, test, metric="cosine", max_rank=2).cmc) == 2


def test_without_draws() -> None:
    for columns in ({}, {"gallery_draws": [1] * 8 + [None]}):
        with pytest.raises(DataError, match="some or all have none"):
            evaluate_draws(np.zeros((9, 4)), vehicles(**columns))
