"""A pre-training goes on from another one, or from a net alone."""

from pathlib import Path

import pytest
import torch

from resight.errors import ModelFormatError
from resight.models.weights.weight_file import from_tensors
from resight.pretrain.export import export_backbone
from resight.pretrain.start import load_net, start_from
from tests.pretrain.toy import toy_backbone, toy_task, toy_trainer


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", ["dino", "moby"])
def test_a_run_of_the_same_method_goes_on_as_it_was(method: str, tmp_path: Path) -> None:
    trained = toy_task(method)
    toy_trainer(trained, tmp_path / "checkpoints" / "last.pt", epochs=1).fit()
    fresh = toy_task(method, seed=1)
    start_from(fresh, tmp_path)
    assert equal(weights(fresh.model), weights(trained.model))
    assert equal(weights(fresh.target), weights(trained.target))


def test_of_another_method_the_net_is_taken_for_both_networks(tmp_path: Path) -> None:
    trained = toy_task("dino")
    toy_trainer(trained, tmp_path / "checkpoints" / "last.pt", epochs=1).fit()
    fresh = toy_task("mocov3", seed=1)
    head = {name: value for name, value in weights(fresh.model).items() if not name.startswith("backbone.")}
    start_from(fresh, tmp_path)
    for network in (fresh.model, fresh.target):
        assert equal(weights(network.backbone), weights(trained.target.backbone)), "of DINO the teacher"
    kept = {name: value for name, value in weights(fresh.model).items() if not name.startswith("backbone.")}
    assert equal(head, kept)


def test_an_exported_net_of_another_image_size(tmp_path: Path) -> None:
    trained = toy_task("dino", backbone=toy_backbone(image_size=(48, 16)))
    export_backbone(trained.backbone, toy_backbone(image_size=(48, 16)), tmp_path / "net.safetensors")
    fresh = toy_task("dino", seed=1)
    start_from(fresh, tmp_path / "net.safetensors")
    one, other = weights(fresh.backbone), weights(trained.backbone)
    assert one["pos_embed"].shape != other["pos_embed"].shape
    assert torch.equal(one["pos_embed"][:, 0], other["pos_embed"][:, 0])
    assert all(torch.equal(one[name], other[name]) for name in one if name != "pos_embed")


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.backbone."])
def test_names_of_other_code(prefix: str) -> None:
    trained, fresh = toy_task("dino"), toy_task("dino", seed=1)
    file = from_tensors({prefix + name: value for name, value in weights(trained.backbone).items()}, source="x")
    load_net(fresh.backbone, file)
    assert equal(weights(fresh.backbone), weights(trained.backbone))


def test_a_net_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    wide = toy_task("dino", backbone=toy_backbone(shape={"width": 24}))
    export_backbone(wide.backbone, toy_backbone(shape={"width": 24}), tmp_path / "net.safetensors")
    fresh = toy_task("dino", seed=1)
    before = weights(fresh.model)
    with pytest.raises(ModelFormatError, match=r"does not fit the net: .* of its .* tensors"):
        start_from(fresh, tmp_path / "net.safetensors")
    assert equal(before, weights(fresh.model))
    with pytest.raises(ModelFormatError, match="no weights"):
        start_from(fresh, tmp_path)
    state = {**weights(fresh.backbone)}
    state.pop("norm.weight")
    with pytest.raises(ModelFormatError, match=r"norm\.weight"):
        load_net(fresh.backbone, from_tensors(state, source="x"))


def test_other_heads_are_refused() -> None:
    fresh = toy_task("dino")
    file = from_tensors(weights(fresh.backbone), source="x", about={"heads": 12})
    with pytest.raises(ModelFormatError, match=r"12 heads"):
        load_net(fresh.backbone, file)
