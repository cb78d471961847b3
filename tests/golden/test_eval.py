"""mAP, CMC, mINP and ranking against the recorded numbers of the public implementations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resight.data.manifest import Manifest
from resight.evaluation import Report, average_reports, evaluate, evaluate_distance
from resight.evaluation.metrics import inverse_negative_penalty
from resight.evaluation.protocol import matching
from resight.functional import (
    MatchRanks,
    angular_distance,
    euclidean_distance,
    half_cosine_distance,
    rank_matches_in_matrix,
    squared_euclidean_distance,
)
from tests.golden.discovery import GoldenCase, parametrize

Tensors = dict[str, torch.Tensor]


def rows(side: str, pids: torch.Tensor, camids: torch.Tensor) -> Manifest:
    """Rows of one side; identity -1 is a distractor."""
    return Manifest.from_columns(
        {
            "image": [f"{side}/{row}.jpg" for row in range(len(pids))],
            "pid": [None if pid < 0 else str(pid) for pid in pids.tolist()],
            "camid": [str(camid) for camid in camids.tolist()],
        },
        root="/golden",
    )


def both_sides(inputs: Tensors) -> tuple[Manifest, Manifest]:
    query = rows("query", inputs["query_pids"], inputs["query_camids"])
    return query, rows("gallery", inputs["gallery_pids"], inputs["gallery_camids"])


def features(case: GoldenCase, inputs: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
    query, gallery = inputs["query_features"], inputs["gallery_features"]
    if case.settings["features_l2_normalised"]:
        return F.normalize(query, dim=1), F.normalize(gallery, dim=1)
    return query, gallery


def check(value: object, expected: torch.Tensor, tolerance: dict[str, float]) -> None:
    np.testing.assert_allclose(np.asarray(value, dtype=np.float64), expected.double().numpy(), **tolerance)


def check_report(report: Report, expected: Tensors, suffix: str, tolerance: dict[str, float]) -> None:
    valid = ~np.isnan(report.average_precision)
    recorded = expected["cmc" + suffix].numpy()
    check(report.mean_ap, expected["mAP" + suffix], tolerance)
    check(report.mean_inp, expected["mINP" + suffix], tolerance)
    check(report.average_precision[valid], expected["AP_per_valid_query" + suffix], tolerance)
    check(report.cmc[: len(recorded)], expected["cmc" + suffix], tolerance)
    np.testing.assert_allclose(report.cmc[len(recorded) :], recorded[-1], **tolerance)  # padded with the last value


def check_penalty(found: MatchRanks, expected: torch.Tensor, tolerance: dict[str, float]) -> None:
    per_query = inverse_negative_penalty(found)
    check(per_query[~np.isnan(per_query)], expected, tolerance)


@parametrize("eval")
def test_metrics(case: GoldenCase) -> None:
    inputs, expected = case.load("inputs"), case.load("outputs")
    query, gallery = both_sides(inputs)
    vectors = features(case, inputs)
    tolerance = case.tolerance("metrics")
    report = evaluate(vectors[0], query, vectors[1], gallery, max_rank=case.settings["max_rank"])

    check_report(report, expected, "", tolerance)
    valid = np.flatnonzero(~np.isnan(report.average_precision))
    assert valid.tolist() == expected["valid_query_index"].tolist()
    assert (report.num_valid, report.num_skipped) == (len(valid), len(query) - len(valid))
    found = rank_matches_in_matrix(squared_euclidean_distance(*vectors), matching(query, gallery))
    check_penalty(found, expected["INP_per_valid_query"], tolerance)


@parametrize("eval")
def test_distances(case: GoldenCase) -> None:
    inputs, expected = case.load("inputs"), case.load("outputs")
    vectors = features(case, inputs)
    tolerance = case.tolerance("distance")
    check(squared_euclidean_distance(*vectors), expected["distance_matrix"], tolerance)
    check(angular_distance(*vectors), expected["arccos_distance"], tolerance)


@parametrize("eval")
def test_recorded_distances_give_the_same_metrics(case: GoldenCase) -> None:
    inputs, expected = case.load("inputs"), case.load("outputs")
    distances, max_rank = expected["distance_matrix"], case.settings["max_rank"]
    report = evaluate_distance(distances, *both_sides(inputs), max_rank=max_rank)
    check_report(report, expected, "", case.tolerance("metrics"))


@parametrize("eval_ties")
def test_ties_rank_by_gallery_row(case: GoldenCase) -> None:
    inputs, expected = case.load("inputs"), case.load("outputs")
    query, gallery = both_sides(inputs)
    tolerance = case.tolerance("metrics")
    report = evaluate_distance(inputs["distance_matrix"], query, gallery, max_rank=case.settings["max_rank"])

    check_report(report, expected, "_stable", tolerance)
    assert expected["mAP_worst"].item() - 1e-6 <= report.mean_ap <= expected["mAP_best"].item() + 1e-6
    found = rank_matches_in_matrix(inputs["distance_matrix"], matching(query, gallery))
    check_penalty(found, expected["INP_per_valid_query_stable"], tolerance)


@parametrize("eval_vehicleid")
def test_vehicleid_trials(case: GoldenCase) -> None:
    inputs, expected = case.load("inputs"), case.load("outputs")
    pids, vectors = inputs["pids"], F.normalize(inputs["features"], dim=1)  # the official evaluation always does
    reports = []
    for drawn in inputs["gallery_image_index"]:
        is_gallery = torch.zeros(len(pids), dtype=torch.bool)
        is_gallery[drawn] = True
        query = rows("query", pids[~is_gallery], torch.zeros(int((~is_gallery).sum())))
        gallery = rows("gallery", pids[drawn], torch.ones(len(drawn)))
        reports.append(evaluate(vectors[~is_gallery], query, vectors[drawn], gallery))

    tolerance = case.tolerance()
    check([report.mean_ap for report in reports], expected["mAP_per_trial"], tolerance)
    check([report.rank(1) for report in reports], expected["rank1_per_trial"], tolerance)
    check([report.rank(5) for report in reports], expected["rank5_per_trial"], tolerance)
    mean = average_reports(reports)
    check(mean.rank(1), expected["rank1_mean"], tolerance)
    check(mean.rank(5), expected["rank5_mean"], tolerance)
    assert mean.num_query == sum(report.num_query for report in reports)


@parametrize("losses")
def test_distances_of_the_losses(case: GoldenCase) -> None:
    inputs, expected = case.load("inputs"), case.load("outputs")
    checked = 0
    if "triplet/distance_matrix" in expected:
        distances = euclidean_distance(inputs["feat_0"], inputs["feat_0"])
        check(distances, expected["triplet/distance_matrix"], case.tolerance())
        checked += 1
    if "cosine_dist_half" in expected:
        distances = half_cosine_distance(inputs["feat_0"], inputs["feat_1"])
        check(distances, expected["cosine_dist_half"], case.tolerance())
        checked += 1
    if not checked:
        pytest.skip("the case records no distance")
