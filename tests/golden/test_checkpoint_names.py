"""Full-size official checkpoints, known by the names and shapes of their tensors: all have a place in our models."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from resight.models import create_model
from resight.models.reid import ReIDModel
from resight.models.weights import WeightFile, WeightReport
from resight.models.weights.description import describe, names_that_fit
from resight.models.weights.matching import match_weights
from resight.models.weights.weight_file import from_tensors
from tests.golden.discovery import cases
from tests.models.tiny import weightless

PRE_TRAINING_NETS = {"vit_small": "vit_small", "vit_base": "vit_base", "ours_vit_small": "vit_small_ics",
                     "ours_vit_base": "vit_base_ics"}  # fmt: skip


def _entries() -> Iterator[tuple[str, Any]]:
    for case in cases("unknown"):
        for name, entry in case.settings.items() if isinstance(case.settings, dict) else ():
            if isinstance(entry, dict) and {"keys", "student"} & set(entry):
                yield f"{case.name.rpartition('/')[2]}/{name}", entry


FOUND = dict(_entries())
FINE_TUNED = {name: entry for name, entry in FOUND.items() if "transformer_type" in entry}
PRE_TRAINED = {name: entry for name, entry in FOUND.items() if "student" in entry}
NETS_ALONE = {name: entry for name, entry in FOUND.items() if name not in FINE_TUNED and name not in PRE_TRAINED}

pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not FOUND, reason="no lists of checkpoint names in the golden folder"),
]


def _empty(keys: list[Any]) -> dict[str, Tensor]:
    return {key: torch.empty(shape, dtype=getattr(torch, dtype), device="meta") for key, shape, dtype in keys}


def _build(name: str, **settings: Any) -> ReIDModel:
    with weightless():
        return create_model(name, **{"num_classes": 7, **settings})


def _check_encoder(model: ReIDModel, file: WeightFile) -> WeightReport:
    """All of the encoder comes from the file, and every key of the file is used or knowingly left out."""
    report, tensors = match_weights(model, file)
    assert report.fits, report.summary()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in tensors.items()} == {name: shapes[name] for name in tensors}
    encoder = {name for name in shapes if name.startswith("encoder.")}
    assert {name for name in report.taken if name.startswith("encoder.")} == encoder
    return report


def test_every_list_is_tested() -> None:
    assert FOUND.keys() == FINE_TUNED.keys() | PRE_TRAINED.keys() | NETS_ALONE.keys()
    assert {name.rpartition("/")[2].partition("_")[0] for name in NETS_ALONE} <= {"mocov3", "timm", "deit"}


@pytest.mark.parametrize("name", FINE_TUNED)
def test_fine_tuned_models(name: str) -> None:
    entry = FINE_TUNED[name]
    file = from_tensors({f"module.{key}": value for key, value in _empty(entry["keys"]).items()}, source=name)
    assert file.kind == ("transreid_ssl" if entry["ics_stem"] else "transreid")
    assert len(file.state) + len(file.left_out) == len(entry["keys"])
    model = _build(
        names_that_fit(file)[0],
        num_classes=entry["num_classes"],
        image_size=tuple(entry["image_hw"]),
        stride=entry["stride"][0],
        num_cameras=entry["num_cameras"] if entry["sie_camera"] else 0,
        num_views=entry["num_views"] if entry["sie_view"] else 0,
        jigsaw=entry["jpm"],
    )
    report = _check_encoder(model, file)
    assert set(report.matched) == set(model.state_dict())
    unused = {"base.fc.weight", "base.fc.bias"}
    if entry["jpm"]:
        last = f"base.blocks.{describe(file).depth - 1}."
        unused |= {key for key, *_ in entry["keys"] if key.startswith((last, "base.norm."))}
    assert set(report.left_out) == unused


@pytest.mark.parametrize("name", FINE_TUNED)
def test_what_the_tensors_tell(name: str) -> None:
    entry = FINE_TUNED[name]
    found = describe(from_tensors(_empty(entry["keys"]), source=name))
    assert found is not None
    assert (tuple(entry["image_hw"]), entry["stride"][0]) in found.sizes
    rows = (entry["num_cameras"] if entry["sie_camera"] else 1) * (entry["num_views"] if entry["sie_view"] else 1)
    assert found.side_rows == (rows if entry["sie_camera"] or entry["sie_view"] else 0)
    assert (found.has_parts, found.num_branches) == (entry["jpm"], 5 if entry["jpm"] else 1)
    assert found.num_classes == entry["num_classes"]


@pytest.mark.parametrize("network", ["student", "teacher"])
@pytest.mark.parametrize("name", PRE_TRAINED)
def test_pre_training_files(name: str, network: Any) -> None:
    entry = PRE_TRAINED[name]
    file = from_tensors(_empty(entry[network]), source=name, network=network)
    assert file.kind == f"dino_{network}"
    net = PRE_TRAINING_NETS[entry["arch"]]
    assert net in names_that_fit(file)
    model = _build(net, image_size=tuple(entry["image_hw"]), num_cameras=3)
    report = match_weights(model, file)[0]
    assert report.fits, report.summary()
    assert not report.resized
    fresh = {name for name in model.state_dict() if name.startswith(("necks.", "encoder.side_information"))}
    assert set(report.fresh) == fresh
    assert set(report.matched) == set(model.state_dict()) - fresh
    assert {key.partition(".")[0] for key in report.left_out} == {"head"}
    larger = _check_encoder(_build(net, image_size=(384, 128), jigsaw=True), file)
    grid = "x".join(str(size // 16) for size in entry["image_hw"])
    assert larger.resized == {"encoder.pos_embed": f"{grid} -> 24x8"}


def _alone(word: str) -> WeightFile:
    names = [name for name in NETS_ALONE if word in name]
    if not names:
        pytest.skip(f"no list of {word}")
    return from_tensors(_empty(NETS_ALONE[names[0]]["keys"]), source=names[0])


@pytest.mark.parametrize("stride", [16, 12])
def test_the_initial_weights_of_the_papers(stride: int) -> None:
    for word, net, dropped in (
        ("timm_imagenet_vit_base", "vit_base", {"head.weight", "head.bias"}),
        ("deit_small_distilled", "deit_small",
         {"head.weight", "head.bias", "encoder.head_dist.weight", "encoder.head_dist.bias", "encoder.dist_token"}),
    ):  # fmt: skip
        file = _alone(word)
        assert net in names_that_fit(file)
        report = _check_encoder(_build(net, stride=stride, jigsaw=True), file)
        assert report.resized == {"encoder.pos_embed": f"14x14 -> {'16x8' if stride == 16 else '21x10'}"}
        assert set(report.left_out) == dropped


def test_moco_v3_has_other_heads() -> None:
    file = _alone("mocov3_vit_small")
    assert file.kind == "moco_v3"
    report = _check_encoder(_build("vit_small", shape={"heads": 12}), file)
    assert {key.partition(".")[0] for key in report.left_out} == {"base_encoder", "momentum_encoder", "predictor"}
    assert match_weights(_build("vit_small"), file)[0].misfit == {
        "attention heads": "12 in the file, 6 in the model, in tensors of equal shapes: model.shape={heads: 12} fits"
    }
