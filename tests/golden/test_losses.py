"""Losses and their gradients against the official implementation.

The name of an output says what it is: `triplet_margin0.3_hard_factor0.2/loss`, so the settings are read from there.
"""

import re
from typing import Any

import torch
from torch import Tensor
from torch.testing import assert_close

from resight.functional.distance import euclidean_distance, half_cosine_distance
from resight.functional.margin import arcface_logits, circle_logits, class_cosines, cosface_logits
from resight.losses import (
    CenterLoss,
    ReIDLoss,
    batch_hard_triplet,
    contrastive_loss,
    hardest_distances,
    identity_loss,
)
from tests.golden.discovery import GoldenCase, parametrize

MARGINS = {"arcface": arcface_logits, "cosface": cosface_logits, "amsoftmax": cosface_logits, "circle": circle_logits}


def _number(name: str, word: str, default: Any = None) -> Any:
    match = re.search(rf"{word}\s*([0-9]+(?:\.[0-9]+)?)", name)
    return default if match is None else float(match[1])


def _leaves(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.clone().requires_grad_(value.is_floating_point()) for key, value in inputs.items()}


def _identity(name: str, leaves: dict[str, Tensor], definitions: dict[str, str]) -> Tensor:
    smoothing = 0.0
    if "label_smooth" in name:
        smoothing = _number(name, "eps", _number(definitions.get("label_smooth_ce", ""), "eps", 0.1))
    return identity_loss(leaves["logits_0"], leaves["labels"], label_smoothing=smoothing)


def _triplet_settings(name: str) -> dict[str, Any]:
    return {
        "margin": None if "soft_margin" in name else _number(name, "margin"),
        "hard_factor": _number(name, "hard_factor", 0.0),
        "normalize": "l2_normalised" in name,
    }


def _total(name: str, leaves: dict[str, Tensor], definitions: dict[str, str]) -> Tensor:
    stated = definitions.get(name, "")
    smooth = "labelsmooth" in name
    loss = ReIDLoss(
        identity_weight=_number(stated, "id_weight", 1.0),
        triplet_weight=_number(stated, "triplet_weight", 1.0),
        margin=None if "softmargin" in name else _number(stated, "margin", 0.3),
        label_smoothing=_number(stated, "label smoothing", 0.1) if smooth else 0.0,
    )
    branches = sorted(key for key in leaves if key.startswith("feat_")) if "jpm" in name else ["feat_0"]
    features = torch.stack([leaves[key] for key in branches], dim=1)
    logits = torch.stack([leaves[key.replace("feat", "logits")] for key in branches], dim=1)
    return loss(features, logits, leaves["labels"]).total


def _loss(name: str, leaves: dict[str, Tensor], definitions: dict[str, str]) -> Tensor:
    if name == "center":
        centers = CenterLoss(*leaves["centers"].shape)
        centers.centers = torch.nn.Parameter(leaves["centers"].detach())
        loss = centers(leaves["feat_0"], leaves["labels"])
        leaves["centers"] = centers.centers
        return loss
    if name.startswith("contrastive"):
        # The gradient is recorded with respect to the feature before its normalisation.
        rows = leaves["feat_0"] / leaves["feat_0"].norm(dim=1, keepdim=True)
        return contrastive_loss(rows, leaves["labels"], margin=_number(name, "margin"))
    if name.startswith("total"):
        return _total(name, leaves, definitions)
    if name.startswith("triplet"):
        return batch_hard_triplet(leaves["feat_0"], leaves["labels"], **_triplet_settings(name))
    return _identity(name, leaves, definitions)


@parametrize("losses")
def test_losses(case: GoldenCase) -> None:
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    definitions = case.settings["definitions"]
    names = sorted(key.removesuffix("/loss") for key in outputs if key.endswith("/loss"))
    assert names
    for name in names:
        leaves = _leaves(inputs)
        loss = _loss(name, leaves, definitions)
        assert_close(loss, outputs[f"{name}/loss"], **tolerance, msg=lambda m, name=name: f"{name}: {m}")
        loss.backward()
        for key, gradient in outputs.items():
            if key.startswith(f"{name}/grad_"):
                ours = leaves[key.removeprefix(f"{name}/grad_")].grad
                assert_close(ours, gradient, **tolerance, msg=lambda m, key=key: f"{key}: {m}")


@parametrize("losses")
def test_distances_and_mining(case: GoldenCase) -> None:
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    features, labels = inputs["feat_0"], inputs["labels"]
    assert_close(euclidean_distance(features, features), outputs["triplet/distance_matrix"], **tolerance)
    assert_close(half_cosine_distance(features, inputs["feat_1"]), outputs["cosine_dist_half"], **tolerance)
    for key in outputs:
        if not key.endswith("/hardest_positive_distance"):
            continue
        name = key.split("/")[0]
        settings = _triplet_settings(name)
        rows = features / (features.norm(dim=1, keepdim=True) + 1e-12) if settings["normalize"] else features
        positive, negative = hardest_distances(rows, labels)
        factor = settings["hard_factor"]
        assert_close(positive * (1 + factor), outputs[key], **tolerance)
        assert_close(negative * (1 - factor), outputs[f"{name}/hardest_negative_distance"], **tolerance)


@parametrize("losses")
def test_center_update(case: GoldenCase) -> None:
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    definition = case.settings["definitions"]["center update"]
    rate, weight = _number(definition, "SGD lr"), _number(definition, "loss weight")
    center = CenterLoss(*inputs["centers"].shape)
    center.centers = torch.nn.Parameter(inputs["centers"].clone())
    optimizer = torch.optim.SGD(center.parameters(), lr=rate)
    (weight * center(inputs["feat_0"], inputs["labels"])).backward()
    center.centers.grad /= weight
    optimizer.step()
    assert_close(center.centers.detach(), outputs[f"center/centers_after_update_lr{rate:g}"], **tolerance)


@parametrize("margin_heads")
def test_margin_heads(case: GoldenCase) -> None:
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    names = sorted({key.split("/")[0] for key in outputs})
    assert names
    for name in names:
        leaves = _leaves(inputs)
        kind = name.split("_")[0]
        logits = MARGINS[kind](
            class_cosines(leaves["feat"], leaves["class_weight"]),
            leaves["labels"],
            scale=_number(name, "_s"),
            margin=_number(name, "_m"),
            **_arcface_settings(name),
        )
        loss = identity_loss(logits, leaves["labels"])
        loss.backward()
        ours = {"logits": logits, "ce_loss": loss, "grad_feat": leaves["feat"].grad}
        ours["grad_class_weight"] = leaves["class_weight"].grad
        recorded = {key.split("/")[1]: value for key, value in outputs.items() if key.startswith(f"{name}/")}
        assert set(recorded) == set(ours), name
        for key, value in recorded.items():
            assert_close(ours[key], value, **tolerance, msg=lambda m, key=key, name=name: f"{name}/{key}: {m}")


def _arcface_settings(name: str) -> dict[str, Any]:
    settings = {"easy": True} if "easy" in name else {}
    smoothing = _number(name, "labelsmooth")
    return settings if smoothing is None else {**settings, "label_smoothing": smoothing}
