"""Models of the papers in their full size, with weights and images that a rule makes from names and seeds."""

import zlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from resight.models import create_model
from resight.models.reid import join_branches
from resight.models.weights.transreid import from_transreid
from tests.golden.discovery import GoldenCase, cases, parametrize

IMAGE_SEED = 777
NETS = {(768, False): "vit_base", (768, True): "vit_base_ics", (384, False): "vit_small", (384, True): "vit_small_ics"}


def _keys(model: str) -> list[Any]:
    """Name, shape and type of the tensors of that official model, from the lists that lie beside the cases."""
    for case in cases("unknown"):
        entry = case.settings.get(model) if isinstance(case.settings, dict) else None
        if isinstance(entry, dict) and "keys" in entry:
            return list(entry["keys"])
    pytest.skip(f"no list of the tensors of {model} in the golden folder")


def _value(key: str, shape: list[int]) -> Tensor:
    noise = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("running_var"):
        value = 1 + 0.1 * np.abs(noise)
    elif key.endswith("running_mean"):
        value = 0.1 * noise
    elif len(shape) == 1:
        value = 1 + 0.1 * noise if key.endswith(".weight") else 0.05 * noise
    else:
        value = 0.03 * noise
    return torch.from_numpy(value.astype(np.float32))


def _weights(settings: dict[str, Any]) -> dict[str, Tensor]:
    keys = _keys(settings["model"])
    state = {key: _value(key, shape) if "float" in kind else torch.zeros(shape).long() for key, shape, kind in keys}
    total = sum(value.double().sum().item() for value in state.values())
    assert total == pytest.approx(settings["checksums"]["sum_of_all_weights_float64"], abs=1e-3), "the rule of weights"
    return state


def _images(settings: dict[str, Any]) -> Tensor:
    noise = np.random.RandomState(IMAGE_SEED).standard_normal((2, 3, *settings["image_hw"])).astype(np.float32)
    assert noise.sum(dtype=np.float64) == pytest.approx(settings["checksums"]["image_sum"], abs=1e-2), "rule of images"
    return torch.from_numpy(noise)


@pytest.mark.slow
@parametrize("full_size")
def test_full_size(case: GoldenCase) -> None:
    settings, outputs = case.settings, case.load("outputs")
    state = _weights(settings)
    width = next(value.shape[-1] for key, value in state.items() if key.endswith("cls_token"))
    cameras = settings["num_cameras"] if settings["sie_camera"] else 0
    views = settings["num_views"] if settings["sie_view"] else 0
    model = create_model(
        NETS[width, settings["ics_stem"]],
        num_classes=settings["num_classes"],
        image_size=tuple(settings["image_hw"]),
        stride=settings["stride"][0],
        num_cameras=cameras,
        num_views=views,
        side_coefficient=settings["sie_lambda"],
        jigsaw=settings["jpm"],
        jigsaw_shift=settings["shift_num"],
        jigsaw_groups=settings["shuffle_groups"],
    ).eval()
    model.load_state_dict(from_transreid(state), strict=True)
    side = [torch.tensor([0, count - 1]) if count else None for count in (cameras, views)]
    with torch.no_grad():
        output = model(_images(settings), *side)
    assert_close(join_branches(output.features), outputs["feature_before"], **case.tolerance())
    assert_close(join_branches(output.neck_features), outputs["feature_after"], **case.tolerance())
