"""Full-size official checkpoints, known by the names and shapes of their tensors: all have a place in our models."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from resight.models import create_model
from resight.models.weights.transreid import from_transreid
from tests.golden.discovery import cases
from tests.models.tiny import weightless

NAMES = {
    "vit_base_patch16_224_TransReID": "vit_base",
    "deit_base_patch16_224_TransReID": "deit_base",
    "deit_small_patch16_224_TransReID": "deit_small",
    "vit_small_patch16_224_TransReID": "vit_small_transreid",  # TransReID-SSL calls the ordinary one so
}


def _is_supported(entry: Any) -> bool:
    return isinstance(entry, dict) and {"keys", "jpm", "transformer_type"} <= set(entry) and not entry["ics_stem"]


FOUND = {
    name: entry
    for case in cases("unknown")
    if isinstance(case.settings, dict)
    for name, entry in case.settings.items()
    if _is_supported(entry)
}


def _our_name(entry: Mapping[str, Any]) -> str:
    width = next(shape[-1] for key, shape, _ in entry["keys"] if key.endswith("cls_token"))
    name = NAMES[entry["transformer_type"]]
    return "vit_small" if name == "vit_small_transreid" and width == 384 else name


@pytest.mark.golden
@pytest.mark.skipif(not FOUND, reason="no lists of checkpoint names in the golden folder")
@pytest.mark.parametrize("name", FOUND)
def test_checkpoint_names(name: str) -> None:
    entry = FOUND[name]
    with weightless():
        model = create_model(
            _our_name(entry),
            num_classes=entry["num_classes"],
            image_size=tuple(entry["image_hw"]),
            stride=entry["stride"][0],
            num_cameras=entry["num_cameras"] if entry["sie_camera"] else 0,
            num_views=entry["num_views"] if entry["sie_view"] else 0,
            jigsaw=entry["jpm"],
        )
        official = {key: torch.empty(shape) for key, shape, _ in entry["keys"]}
    translated = from_transreid(official)
    ours = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    assert {key: tuple(value.shape) for key, value in translated.items()} == ours
