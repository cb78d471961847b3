import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resight.errors import ModelFormatError
from resight.models.position import resize_position_table
from resight.models.weights import find_weights, load_weights, read_weights
from resight.models.weights.weight_file import from_tensors
from tests.models.tiny import images, shake
from tests.models.weights.official import backbone_state, dino_state, official_state, same_encoder, tiny_model


def _state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _fresh(**settings: object) -> torch.nn.Module:
    return shake(tiny_model(**settings), seed=8)


@pytest.mark.parametrize("jigsaw", [False, True])
def test_an_official_model_gives_its_features(tmp_path: Path, jigsaw: bool) -> None:
    source = tiny_model(jigsaw=jigsaw, num_cameras=3)
    torch.save({f"module.{name}": value for name, value in official_state(source).items()}, tmp_path / "x.pth")
    model = _fresh(jigsaw=jigsaw, num_cameras=3)
    report = load_weights(model, tmp_path / "x.pth")
    cameras = torch.tensor([0, 2, -1])
    with torch.no_grad():
        assert torch.equal(model.eval()(images(), cameras).logits, source.eval()(images(), cameras).logits)
    assert set(report.matched) == set(model.state_dict())
    assert (report.fresh, report.resized, report.fits) == ({}, {}, True)
    assert report.notes == (
        "the side information is taken row by row: its cameras and views must be those of the file",
        "classifiers are taken row by row: the training identities must be those of the file, in its order (the "
        "official code does not have them ascending for DukeMTMC-reID, Occluded-Duke and VehicleID)",
    )
    other = load_weights(_fresh(jigsaw=jigsaw, num_classes=7), tmp_path / "x.pth")
    assert other.notes == (), "nothing is taken row by row"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("strict", [True, False])
def test_a_file_of_a_failed_run_is_refused(value: float, strict: bool) -> None:
    state, model = official_state(tiny_model()), _fresh()
    state["base.pos_embed"][0, 2, 3] = value
    before = _state(model)
    with pytest.raises(ModelFormatError, match=r"x was not loaded: 1 of its tensors hold NaN .*\(encoder\.pos_embed\)"):
        load_weights(model, from_tensors(state, source="x"), strict=strict)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())


def test_another_grid_is_resized_and_nothing_else() -> None:
    source, model = tiny_model(), _fresh(image_size=(48, 16))
    report = load_weights(model, from_tensors(official_state(source), source="x"))
    assert report.resized == {"encoder.pos_embed": "4x2 -> 6x2"}
    expected = resize_position_table(source.encoder.pos_embed.detach(), (6, 2), height_to_width=2)
    assert torch.equal(model.encoder.pos_embed, expected)
    assert same_encoder(model, source, without=("pos_embed",))


def test_a_known_grid_is_believed() -> None:
    source = tiny_model(image_size=(32, 40), patch_size=8)
    file = from_tensors(backbone_state(source), source="x")
    with pytest.raises(ModelFormatError, match="has 20 patches"):
        load_weights(_fresh(), file)
    assert load_weights(_fresh(), replace(file, grid=(4, 5))).resized == {"encoder.pos_embed": "4x5 -> 4x2"}


def test_other_counts_are_left_fresh_and_said() -> None:
    source, model = tiny_model(num_cameras=3), _fresh(num_cameras=4, num_classes=7)
    before = _state(model)
    report = load_weights(model, from_tensors(official_state(source), source="x"))
    assert report.fresh == {
        "encoder.side_information.table": "3 cameras x views in the file, 4 in the model",
        "necks.0.classifier.weight": "5 classes in the file, 7 in the model",
    }
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in report.fresh)
    assert same_encoder(model, source, without=("side_information",))
    assert torch.equal(model.necks[0].norm.weight, source.necks[0].norm.weight)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_pre_training_file_leaves_the_necks_fresh(prefix: str) -> None:
    source, model = tiny_model(), _fresh()
    before = _state(model)
    report = load_weights(model, from_tensors(dino_state(source, prefix=prefix), source="x"))
    assert same_encoder(model, source)
    assert set(report.fresh) == {name for name in before if name.startswith("necks.")}
    assert set(report.fresh.values()) == {"not in the file"}
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in report.fresh)


def test_the_jigsaw_branch_starts_as_a_copy_of_the_last_block() -> None:
    source, model = tiny_model(), _fresh(jigsaw=True)
    report = load_weights(model, from_tensors(backbone_state(source), source="x"))
    last = source.encoder.global_branch.state_dict()
    for branch in (model.encoder.global_branch, model.encoder.local_branch):
        assert all(torch.equal(value, last[name]) for name, value in branch.state_dict().items())
    assert model.encoder.local_branch.norm.weight is not model.encoder.global_branch.norm.weight
    assert "copy of the last block" in report.notes[0]


def test_a_jigsaw_file_into_a_plain_model_gives_the_global_branch() -> None:
    source, model = tiny_model(jigsaw=True), _fresh()
    report = load_weights(model, from_tensors(official_state(source), source="x"))
    with torch.no_grad():
        features = model.eval()(images()).features
        assert torch.equal(features[:, 0], source.eval()(images()).features[:, 0])
    reasons = {name: why for name, why in report.left_out.items() if name.startswith(("encoder.local_branch", "necks"))}
    assert set(reasons.values()) == {
        "the model has no jigsaw branch", "the model has no such neck", "the model has no such classifier"
    }  # fmt: skip
    assert "base.blocks.1.norm1.weight" in report.left_out


def test_a_distilled_vit() -> None:
    source, model = tiny_model(image_size=(32, 32)), _fresh(image_size=(32, 32))
    state = backbone_state(source)
    token = torch.full((1, 1, 24), 5.0)
    positions = state["pos_embed"]
    state["pos_embed"] = torch.cat([positions[:, :1], token, positions[:, 1:]], dim=1)
    state |= {"dist_token": token, "head_dist.weight": torch.zeros(5, 24)}
    report = load_weights(model, from_tensors(state, source="x"))
    assert same_encoder(model, source)
    assert report.left_out["encoder.dist_token"] == "token of the pre-training"
    assert report.left_out["encoder.head_dist.weight"] == "classifier of the pre-training"


def test_a_flat_patch_layer_of_early_files() -> None:
    source, model = tiny_model(), _fresh()
    state = backbone_state(source)
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].flatten(1)
    load_weights(model, from_tensors(state, source="x"))
    assert same_encoder(model, source)


def test_half_precision_files() -> None:
    source, model = tiny_model(), _fresh()
    halves = {name: value.half() for name, value in backbone_state(source).items()}
    load_weights(model, from_tensors(halves, source="x"))
    assert torch.equal(model.encoder.cls_token, source.encoder.cls_token.half().float())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base.cls_token": None}, "1 missing.*MISSING in the file: encoder.cls_token"),
        ({"base.norm.bias": None}, "MISSING in the file: encoder.global_branch.norm.bias"),
        ({"base.cls_token": torch.zeros(1, 1, 3)}, r"DIFFERENT: encoder.cls_token \(shape \[1, 1, 3\] in the file"),
        ({"base.blocks.0.attn.gate": torch.zeros(1)}, "UNEXPECTED in the file: encoder.blocks.0.attn.gate"),
        ({"surprise": torch.zeros(1)}, "UNEXPECTED in the file: surprise"),
        ({"base.sie_embed": torch.zeros(3, 1, 5)}, r"encoder.side_information.table \(shape \[3, 1, 5\]"),
    ],
)
def test_a_partial_load_is_an_error_and_changes_nothing(change: dict[str, torch.Tensor | None], message: str) -> None:
    state = {**official_state(tiny_model(num_cameras=3)), **change}
    file = from_tensors({name: value for name, value in state.items() if value is not None}, source="x.pth")
    model = _fresh(num_cameras=3)
    before = _state(model)
    with pytest.raises(ModelFormatError, match=f"(?s)x.pth does not fit the model, so nothing was loaded.*{message}"):
        load_weights(model, file)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not load_weights(model, file, strict=False).fits


@pytest.mark.parametrize("settings", [{"shape": {"width": 24, "depth": 3, "heads": 3}}, {"patch_size": 4}])
def test_another_net_is_an_error(settings: dict[str, object]) -> None:
    file = from_tensors(official_state(tiny_model(jigsaw=True)), source="x.pth")
    with pytest.raises(ModelFormatError, match="does not fit the model"):
        load_weights(_fresh(**settings), file)


@pytest.mark.parametrize("strict", [True, False])
def test_nothing_at_all_is_an_error_even_when_not_strict(strict: bool) -> None:
    file = from_tensors({"conv1.weight": torch.zeros(2), "layer3.5.conv3.weight": torch.zeros(2)}, source="x.pth")
    with pytest.raises(ModelFormatError, match="has nothing for this model's encoder; it fits a model named resnet50"):
        load_weights(_fresh(), file, strict=strict)


def test_heads_that_tensors_do_not_show() -> None:
    file = replace(from_tensors(backbone_state(tiny_model()), source="x"), about={"heads": 12})
    with pytest.raises(ModelFormatError, match=r"attention heads \(12 in the file, 3 in the model"):
        load_weights(_fresh(), file)
    assert load_weights(_fresh(), replace(file, about={"heads": 3})).fits


def test_the_report_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(official_state(tiny_model()), tmp_path / "x.pth")
    with caplog.at_level(logging.INFO, "resight"):
        report = load_weights(_fresh(), tmp_path / "x.pth")
    assert caplog.messages == [report.summary()]


def test_a_recipes_word_for_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(official_state(tiny_model()), tmp_path / "x.pth")
    assert find_weights(str(tmp_path / "x.pth"), "vit_nano").kind == read_weights(tmp_path / "x.pth").kind
    monkeypatch.setattr("resight.models.weights.load.timm_weights", lambda name: f"timm's {name}")
    assert find_weights("timm", "vit_base") == "timm's vit_base"
