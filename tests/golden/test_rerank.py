"""Re-ranking against the recorded distances of the public implementations."""

import re

import pytest
import torch

from resight.evaluation import evaluate_distance
from resight.functional import Rerank, jaccard_distance, rerank_matrix, squared_euclidean_distance
from resight.functional.distance_blocks import distance_blocks
from resight.functional.rerank_tensor import rerank_tensor_blocks
from tests.golden.discovery import GoldenCase, parametrize
from tests.golden.test_eval import rows

Tensors = dict[str, torch.Tensor]


def settings_of(name: str) -> Rerank:
    k1, k2, weight = re.fullmatch(r"\w+/k1_(\d+)_k2_(\d+)_lambda_([\d.]+)", name).groups()
    return Rerank(int(k1), int(k2), float(weight))


def on_tensors(query: torch.Tensor, gallery: torch.Tensor, settings: Rerank) -> torch.Tensor:
    distances = distance_blocks(query, gallery, squared_euclidean_distance)
    blocks = rerank_tensor_blocks(query, gallery, settings, torch.arange(len(query)), distances)
    return torch.cat([block for _, block in blocks])


@parametrize("rerank")
@pytest.mark.parametrize("calculate", [rerank_matrix, on_tensors])
def test_distances(case: GoldenCase, calculate) -> None:
    inputs, outputs = case.load("inputs"), case.load("outputs")
    for name, expected in outputs.items():
        result = calculate(inputs["query_features"], inputs["gallery_features"], settings_of(name))
        part = "vs_float32" if name.startswith("float32/") else "vs_float16_reference"
        torch.testing.assert_close(result, expected, **case.tolerance(part), msg=name)


@parametrize("rerank")
def test_metrics(case: GoldenCase) -> None:
    """All gallery rows come from another camera than the queries."""
    inputs = case.load("inputs")
    query = rows("query", inputs["query_pids"], torch.zeros(len(inputs["query_pids"])))
    gallery = rows("gallery", inputs["gallery_pids"], torch.ones(len(inputs["gallery_pids"])))
    for name, recorded in case.settings["metrics_all_gallery_other_camera"].items():
        if "mAP_float32" in recorded:
            settings = settings_of(f"float32/{name}")
            matrix = rerank_matrix(inputs["query_features"], inputs["gallery_features"], settings)
            assert evaluate_distance(matrix, query, gallery).mean_ap == pytest.approx(recorded["mAP_float32"], abs=1e-6)


@parametrize("jaccard")
def test_jaccard_of_one_set(case: GoldenCase) -> None:
    features, outputs = case.load("inputs")["features"], case.load("outputs")
    for name, expected in outputs.items():
        k1, k2 = map(int, re.fullmatch(r"k1_(\d+)_k2_(\d+)", name).groups())
        found = jaccard_distance(features, k1=k1, k2=k2).to_dense(len(features), 1.0)
        torch.testing.assert_close(torch.from_numpy(found), expected, **case.tolerance(), msg=name)
