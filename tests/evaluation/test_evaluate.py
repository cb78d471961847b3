import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import Report, average_reports, evaluate, evaluate_distance
from tests.oracles import metrics as oracle
from tests.oracles.metrics import Row


def as_manifest(side, rows):
    columns = {
        "image": [row.image or f"{side}{i}.jpg" for i, row in enumerate(rows)],
        "pid": [row.pid for row in rows],
        "camid": [row.camid for row in rows],
        "junk": [row.junk for row in rows],
    }
    return Manifest.from_columns(columns, root="/set")


@st.composite
def sets(draw):
    pid, camid = st.sampled_from(["1", "2", "3"]), st.sampled_from(["a", "b", None])
    query = draw(st.lists(st.builds(Row, pid, camid, st.sampled_from([False, False, True])), min_size=1, max_size=5))
    row = st.builds(Row, st.one_of(pid, st.none()), camid, st.sampled_from([False, False, False, True]))
    gallery = draw(st.lists(row, min_size=1, max_size=12))
    for i, one in enumerate(query):
        one.image = f"q{i}.jpg"
    for i, one in enumerate(gallery):
        one.image = f"q{i}.jpg" if draw(st.booleans()) else f"g{i}.jpg"
    number = st.integers(0, 4)  # few values: many ties
    distances = draw(st.lists(number, min_size=len(query) * len(gallery), max_size=len(query) * len(gallery)))
    return query, gallery, np.array(distances, dtype=np.float32).reshape(len(query), len(gallery))


@given(sets(), st.booleans(), st.integers(1, 15), st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_equals_the_definition(drawn, cross_camera, max_rank, memory):
    query, gallery, distances = drawn
    expected = oracle.metrics(distances.tolist(), query, gallery, cross_camera=cross_camera, max_rank=max_rank)
    sides = as_manifest("q", query), as_manifest("g", gallery)
    options = {"cross_camera": cross_camera, "max_rank": max_rank, "memory": memory}
    if not expected["num_valid"]:
        with pytest.raises(DataError, match=r"has a match|marked junk"):
            evaluate_distance(distances, *sides, **options)
        return
    report = evaluate_distance(distances, *sides, **options)
    assert report.num_valid == expected["num_valid"]
    assert report.num_skipped == len(query) - report.num_valid
    assert report.num_gallery == sum(not row.junk for row in gallery)
    assert report.mean_ap == pytest.approx(expected["mean_ap"])
    assert report.mean_inp == pytest.approx(expected["mean_inp"])
    np.testing.assert_allclose(report.cmc, expected["cmc"])
    np.testing.assert_allclose(report.average_precision, expected["average_precision"])


def test_hand_example():
    """Query 7 at camera 0. Ranked (identity, camera): (7,0) (3,1) (7,1) (7,2) (5,0) (7,0); two rows are left out."""
    query = as_manifest("q", [Row("7", "0")])
    gallery = as_manifest("g", [Row(*row) for row in zip("737757", "011200", strict=True)])
    report = evaluate(torch.zeros(1, 1), query, torch.arange(6.0)[:, None], gallery, max_rank=6)
    assert report.mean_ap == pytest.approx(0.583333, abs=1e-6)
    assert report.mean_inp == pytest.approx(2 / 3)
    assert report.cmc.tolist() == [0, 1, 1, 1, 1, 1]
    assert (report.rank(1), report.rank(2)) == (0, 1)


def test_distractors_count_as_wrong_answers():
    query, distances = as_manifest("q", [Row("1", "a")]), np.array([[1.0, 2.0]])
    with_distractor = as_manifest("g", [Row(None, "b"), Row("1", "b")])
    assert evaluate_distance(distances, query, with_distractor).mean_ap == 0.5


@pytest.fixture
def example():
    generator = torch.Generator().manual_seed(3)
    rows = [Row(str(i % 5), str(i % 3)) for i in range(40)]
    vectors = torch.nn.functional.normalize(torch.randn(40, 8, generator=generator), dim=1)
    return vectors[:10], as_manifest("q", rows[:10]), vectors[10:], as_manifest("g", rows[10:])


def test_the_metrics_rank_unit_vectors_alike_and_numpy_equals_torch(example):
    reports = [evaluate(*example, metric=name) for name in ("squared_euclidean", "euclidean", "cosine")]
    query, query_rows, gallery, gallery_rows = example
    reports.append(evaluate(query.numpy(), query_rows, gallery.numpy(), gallery_rows, memory=400))
    assert all(report.to_json() == reports[0].to_json() for report in reports)


def test_order_of_the_queries_and_of_the_gallery_does_not_matter(example):
    query, query_rows, gallery, gallery_rows = example
    first, last = np.arange(10)[::-1].copy(), np.random.default_rng(0).permutation(30)
    turned = evaluate(query[first], query_rows.select(first), gallery[last], gallery_rows.select(last))
    report = evaluate(*example)
    assert turned.mean_ap == pytest.approx(report.mean_ap)
    np.testing.assert_allclose(turned.average_precision[::-1], report.average_precision)


def test_half_precision_embeddings_are_compared_in_float32(example):
    query, query_rows, gallery, gallery_rows = example
    half = evaluate(query.half(), query_rows, gallery.half(), gallery_rows)
    full = evaluate(query.half().float(), query_rows, gallery.half().float(), gallery_rows)
    assert half.to_json() == full.to_json()


def test_chance_is_close_to_random_embeddings():
    generator = torch.Generator().manual_seed(0)
    rows = [Row(str(i % 20), str(i // 20 % 4)) for i in range(600)]
    vectors = torch.randn(600, 64, generator=generator)
    report = evaluate(vectors[:200], as_manifest("q", rows[:200]), vectors[200:], as_manifest("g", rows[200:]))
    assert report.mean_ap == pytest.approx(report.chance_mean_ap, abs=0.01)


def test_json_keeps_every_number(example):
    report = evaluate(*example)
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))
    again = Report.from_json(values)
    assert again.to_json() == report.to_json()
    assert again.rank(5) == report.rank(5)
    del values["cmc"]
    with pytest.raises(DataError, match="missing: cmc"):
        Report.from_json(values)


def test_skipped_queries_are_none_in_json():
    query = as_manifest("q", [Row("1", "a"), Row("2", "a")])
    report = evaluate_distance(torch.zeros(2, 1), query, as_manifest("g", [Row("1", "b")]))
    assert (report.num_valid, report.num_skipped) == (1, 1)
    assert report.to_json()["average_precision"] == [1.0, None]
    assert math.isnan(Report.from_json(report.to_json()).average_precision[1])
    assert "1 skipped" in report.summary()


def test_summary_has_the_numbers_in_percent(example):
    report = evaluate(*example)
    assert f"mAP {100 * report.mean_ap:.1f}%" in str(report)
    assert f"Rank-10 {100 * report.rank(10):.1f}%" in str(report)
    assert f"chance mAP {100 * report.chance_mean_ap:.1f}%" in str(report)


def test_rank_counts_from_one(example):
    report = evaluate(*example, max_rank=3)
    assert report.rank(3) == report.cmc[2]
    for k in (0, -1, 4):
        with pytest.raises(DataError, match="expected 1 to 3"):
            report.rank(k)


def test_average_of_reports(example):
    query, query_rows, gallery, gallery_rows = example
    forth, back = evaluate(*example), evaluate(gallery, gallery_rows, query, query_rows, max_rank=20)
    mean = average_reports([forth, back])
    assert mean.mean_ap == pytest.approx((forth.mean_ap + back.mean_ap) / 2)
    assert mean.rank(1) == pytest.approx((forth.rank(1) + back.rank(1)) / 2)
    assert (mean.num_query, mean.num_gallery, len(mean.cmc)) == (40, 40, 20)
    assert mean.num_valid == forth.num_valid + back.num_valid
    assert len(mean.average_precision) == 40
    assert average_reports([forth]).to_json() == forth.to_json()
    with pytest.raises(DataError, match="at least one report"):
        average_reports([])


class TestErrors:
    def test_lengths(self, example):
        query, query_rows, gallery, gallery_rows = example
        with pytest.raises(DataError, match=r"expected query embeddings of shape \(10, D\).*came \(9, 8\)"):
            evaluate(query[:9], query_rows, gallery, gallery_rows)
        with pytest.raises(DataError, match=r"expected gallery embeddings of shape \(30, D\)"):
            evaluate(query, query_rows, gallery[0], gallery_rows)

    def test_dimensions(self, example):
        query, query_rows, gallery, gallery_rows = example
        with pytest.raises(DataError, match="query embeddings have 7 dimensions, gallery embeddings 8"):
            evaluate(query[:, :7], query_rows, gallery, gallery_rows)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_values_that_are_no_numbers_name_the_first_image(self, example, value):
        query, query_rows, gallery, gallery_rows = example
        gallery = gallery.clone()
        gallery[[4, 7], 2] = value
        with pytest.raises(DataError, match=r"2 of 30 gallery embeddings .* row 4 \(/set/g4.jpg\)"):
            evaluate(query, query_rows, gallery, gallery_rows)

    def test_no_query_has_a_match(self):
        query, gallery = as_manifest("q", [Row("1", "a")]), as_manifest("g", [Row("1", "a")])
        with pytest.raises(DataError, match=r"none of the 1 queries has a match.*pass cross_camera=False"):
            evaluate(torch.zeros(1, 2), query, torch.zeros(1, 2), gallery)

    def test_options(self, example):
        with pytest.raises(DataError, match="squared_euclidean, euclidean, cosine, came 'l1'"):
            evaluate(*example, metric="l1")
        with pytest.raises(DataError, match="max_rank"):
            evaluate(*example, max_rank=0)

    def test_distances(self, example):
        _, query_rows, _, gallery_rows = example
        with pytest.raises(DataError, match=r"\(10, 30\), came \(30, 10\)"):
            evaluate_distance(torch.zeros(30, 10), query_rows, gallery_rows)
        distances = torch.zeros(10, 30)
        distances[3, 5] = float("nan")
        with pytest.raises(DataError, match=r"query row 3 \(/set/q3.jpg\)"):
            evaluate_distance(distances, query_rows, gallery_rows)
