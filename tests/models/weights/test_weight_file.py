import argparse
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from resight.errors import ModelFormatError
from resight.models.weights import read_weights
from resight.models.weights.weight_file import from_tensors
from tests.models.weights.official import backbone_state, dino_state, official_state, tiny_model

MODEL = tiny_model()
OFFICIAL = official_state(MODEL)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_official_files_in_every_wrapping(tmp_path: Path, wrapper: str | None, prefix: str) -> None:
    state = {prefix + name: value for name, value in OFFICIAL.items()}
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 120}, tmp_path / "transformer_120.pth")
    file = read_weights(tmp_path / "transformer_120.pth")
    assert file.kind == "transreid"
    assert file.state.keys() == MODEL.state_dict().keys()
    assert file.left_out.keys() == {"base.fc.weight", "base.fc.bias"}
    assert file.about == ({} if wrapper is None else {"entry": wrapper, "epoch": 120})
    assert all(torch.equal(file.state[name], value) for name, value in MODEL.state_dict().items())


def test_teacher_and_student(tmp_path: Path) -> None:
    teacher, student = dino_state(MODEL, prefix=""), dino_state(tiny_model(drop_path=0.1), prefix="module.")
    student = {name: value + 1 for name, value in student.items()}
    args = argparse.Namespace(arch="vit_small")
    torch.save({"student": student, "teacher": teacher, "args": args, "epoch": 99}, tmp_path / "x.pth")
    for network, state in (("teacher", teacher), ("student", student)):
        file = read_weights(tmp_path / "x.pth", network=network)
        assert file.kind == f"dino_{network}"
        assert file.about == {"entry": network, "arch": "vit_small", "epoch": 99}
        token = next(value for name, value in state.items() if name.endswith("cls_token"))
        assert torch.equal(file.state["encoder.cls_token"], token)
        assert file.left_out.keys() == {"head.mlp.0.weight", "head.last_layer.weight_g"}
        assert {name.partition(".")[0] for name in file.state} == {"encoder"}


def test_a_student_that_is_not_there(tmp_path: Path) -> None:
    torch.save({"teacher": dino_state(MODEL, prefix="module.")}, tmp_path / "x.pth")
    assert read_weights(tmp_path / "x.pth").kind == "dino_teacher"
    with pytest.raises(ModelFormatError, match=r"holds no student; its entries are teacher$"):
        read_weights(tmp_path / "x.pth", network="student")
    torch.save({"student": dino_state(MODEL, prefix="module.")}, tmp_path / "x.pth")
    with pytest.raises(ModelFormatError, match="holds no teacher; its entries are student; --student takes"):
        read_weights(tmp_path / "x.pth")


def test_moco_v3_keeps_the_base_encoder_alone() -> None:
    state = {f"module.base_encoder.{name}": value for name, value in backbone_state(MODEL).items()}
    others = ("base_encoder.head.0.weight", "momentum_encoder.cls_token", "predictor.0.weight")
    file = from_tensors({**state, **{f"module.{name}": torch.zeros(1) for name in others}}, source="x")
    assert file.kind == "moco_v3"
    assert set(others) < set(file.left_out)
    assert not [name for name in file.state if not name.startswith("encoder.")]
    assert "encoder.global_branch.norm.weight" in file.state
    assert "heads" not in file.about


@pytest.mark.parametrize(
    ("kind", "taken", "others"),
    [
        ("moco_v2", "encoder_q.", ["encoder_q.fc.0.weight", "encoder_k.cls_token", "queue", "queue_ptr"]),
        ("moby", "encoder.", ["encoder_k.cls_token", "projector.linear1.weight", "projector_k.linear1.weight",
                              "predictor.linear1.weight", "queue1", "queue2", "queue_ptr"]),
    ],
)  # fmt: skip
def test_moco_v2_and_moby_keep_the_net_that_trains(kind: str, taken: str, others: list[str], tmp_path: Path) -> None:
    state = {f"module.{taken}{name}": value for name, value in backbone_state(MODEL).items()}
    state |= {f"module.{name}": torch.zeros(1) for name in others}
    torch.save({"state_dict" if kind == "moco_v2" else "model": state, "epoch": 3}, tmp_path / "x.pth")
    file = read_weights(tmp_path / "x.pth")
    assert file.kind == kind
    assert set(others) < set(file.left_out)
    assert {name.partition(".")[0] for name in file.state} == {"encoder"}
    token = state[f"module.{taken}cls_token"]
    assert torch.equal(file.state["encoder.cls_token"], token)


@pytest.mark.parametrize(
    ("method", "network", "taken"), [("dino", "teacher", 2), ("dino", "student", 1), ("moby", "teacher", 1)]
)
def test_a_checkpoint_of_a_pretraining_that_is_not_finished(
    method: str, network: str, taken: int, tmp_path: Path
) -> None:
    def net(number: int) -> dict[str, torch.Tensor]:
        state = {f"backbone.{name}": torch.full_like(value, number) for name, value in backbone_state(MODEL).items()}
        return {**state, "head.mlp.0.weight": torch.zeros(1), "projector.0.weight": torch.zeros(1)}

    (tmp_path / "checkpoints").mkdir()
    content = {"model": net(1), "task": {"method": method, "target": net(2)}, "epoch": 3}
    torch.save(content, tmp_path / "checkpoints" / "last.pt")
    file = read_weights(tmp_path, network=network)  # type: ignore[arg-type]
    assert file.state["encoder.cls_token"].unique().tolist() == [taken]
    assert {"head.mlp.0.weight", "projector.0.weight"} < set(file.left_out)


def test_the_small_net_of_moco_v3_is_known_for_its_heads() -> None:
    state = {"base_encoder.cls_token": torch.zeros(1, 1, 384), "base_encoder.patch_embed.proj.bias": torch.zeros(384)}
    state["base_encoder.blocks.0.norm1.weight"] = torch.zeros(384)
    assert from_tensors(state, source="x").about["heads"] == 12


def test_a_plain_vit_and_another_net() -> None:
    vit = from_tensors(backbone_state(MODEL), source="x")
    assert vit.kind == "timm"
    assert "encoder.global_branch.block.norm1.weight" in vit.state
    assert set(vit.left_out) == {"head.weight", "head.bias"}
    net = from_tensors({"stem.0.weight": torch.zeros(1), "head.fc.weight": torch.zeros(1)}, source="x")
    assert net.kind == "timm"
    assert set(net.state) == {"encoder.net.stem.0.weight", "encoder.net.head.fc.weight"}


def test_a_convolution_stem_is_of_transreid_ssl() -> None:
    file = from_tensors({**OFFICIAL, "base.patch_embed.conv.0.weight": torch.zeros(1)}, source="x")
    assert file.kind == "transreid_ssl"
    assert "encoder.patch_embed.conv.0.weight" in file.state


def _own_folder(folder: Path, **card: object) -> Path:
    folder.mkdir(parents=True)
    save_file({name: value.clone() for name, value in MODEL.state_dict().items()}, folder / "model.safetensors")
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.mark.parametrize("inside", [".", "model"])
def test_our_own_folders_know_their_grid(tmp_path: Path, inside: str) -> None:
    settings = {"image_size": [32, 16], "patch_size": 8, "stride": 4}
    folder = _own_folder(tmp_path / "run" / inside, name="vit_nano", settings=settings)
    for path in (tmp_path / "run", folder, folder / "model.safetensors"):
        file = read_weights(path)
        assert (file.kind, file.grid, file.about["name"]) == ("resight", (7, 3), "vit_nano")
        assert file.state.keys() == MODEL.state_dict().keys()


@pytest.mark.parametrize("card", [{}, {"name": "x", "settings": 3}, {"name": "x", "settings": {"patch_size": 0}}])
def test_a_card_that_says_nothing_leaves_the_grid_open(tmp_path: Path, card: dict[str, object]) -> None:
    assert read_weights(_own_folder(tmp_path / "x", **card)).grid is None


def test_the_checkpoint_of_an_unfinished_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    content = {"format_version": 1, "epoch": 3, "model": MODEL.state_dict(), "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "checkpoints" / "last.pt")
    file = read_weights(tmp_path)
    assert (file.kind, file.about["epoch"]) == ("resight", 3)


def test_folders_and_files_without_a_net(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"holds no weights: it has none of model\.safetensors"):
        read_weights(tmp_path)
    torch.save({"epoch": 3, "scaler": {}}, tmp_path / "x.pth")
    with pytest.raises(ModelFormatError, match="holds no tensors of a net; it has: epoch, scaler"):
        read_weights(tmp_path / "x.pth")
    torch.save({"teacher": 3}, tmp_path / "x.pth")
    with pytest.raises(ModelFormatError, match="holds no tensors of a net; it has: int"):
        read_weights(tmp_path / "x.pth")


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(OFFICIAL, tmp_path / "x.pth")
    assert read_weights("~/x.pth").kind == "transreid"
