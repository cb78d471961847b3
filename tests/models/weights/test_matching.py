"""Nets of timm: what becomes of their own files."""

from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from resight.errors import ModelFormatError
from resight.models import create_model
from resight.models.weights import load_weights
from resight.models.weights.description import describe
from resight.models.weights.matching import match_weights, net_state
from resight.models.weights.weight_file import from_tensors
from tests.models.tiny import weightless
from tests.models.weights.official import backbone_state, official_state, tiny_model

SMALL = ("test_vit", "test_vit2", "test_vit3", "test_convnext", "test_resnet", "test_efficientnet")


def _timm_net(name: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return timm.create_model(name, pretrained=False).eval()


@pytest.mark.parametrize("name", SMALL)
def test_a_nets_own_file_gives_its_features(name: str) -> None:
    net = _timm_net(name)
    size = net.pretrained_cfg["input_size"][1:]
    model = create_model(name, num_classes=3, image_size=size, drop_path=0.0).eval()
    report = load_weights(model, from_tensors(net.state_dict(), source="x"))
    assert {why for name, why in report.fresh.items() if name.startswith("encoder.")} == set()
    assert not report.resized
    assert set(report.left_out.values()) <= {"classifier of the pre-training"}
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.reset_classifier(0)
        is_plain = not hasattr(model.encoder, "net")
        expected = net.forward_features(images)[:, 0] if is_plain else net(images)
        torch.testing.assert_close(model.encoder(images)[:, 0], expected)


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "vit_base_patch16_siglip_224", "test_vit2"])
def test_tables_of_another_image_size_are_fitted_by_timm(name: str) -> None:
    with weightless():
        state = timm.create_model(name, pretrained=False).state_dict()
        model = create_model(name, num_classes=3)
    report = match_weights(model, from_tensors(state, source="x"))[0]
    assert report.fits, report.summary()
    assert report.resized
    assert all(what.endswith("by timm's rule") for what in report.resized.values())


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("vit_small_patch14_reg4_dinov2", 0),
        ("vit_small_patch16_dinov3", 0),
        ("vit_base_patch16_clip_224", 2),
        ("deit_tiny_distilled_patch16_224", 4),
    ],
)
def test_plain_vits_of_timm_with_all_their_extras(name: str, left_out: int) -> None:
    with weightless():
        state = timm.create_model(name, pretrained=False).state_dict()
        model = create_model(name, num_classes=3, jigsaw=True, num_cameras=4)
    report = match_weights(model, from_tensors(state, source="x"))[0]
    assert report.fits, report.summary()
    assert len(report.left_out) == left_out
    assert set(report.fresh) >= {"encoder.side_information.table", "necks.4.norm.weight"}
    assert not [name for name in report.fresh if name.startswith("encoder.blocks")]


def _resnet_state(*, counters: bool) -> dict[str, Tensor]:
    with weightless():
        state = timm.create_model("resnet50", pretrained=False).state_dict()
    return {name: value for name, value in state.items() if counters or not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize("counters", [True, False])
def test_the_resnet_of_the_strong_baseline(counters: bool) -> None:
    """Torchvision's first file, which the released code asks for, has no counters in its batch norms."""
    with weightless():
        model = create_model("resnet50", num_classes=3)
    state = _resnet_state(counters=counters)
    report = match_weights(model, from_tensors(state, source="x"))[0]
    assert report.fits, report.summary()
    assert set(report.left_out) == {"encoder.net.fc.weight", "encoder.net.fc.bias"}
    reasons = {why for name, why in report.fresh.items() if name.startswith("encoder.")}
    assert reasons == (set() if counters else {"a counter that older files do not have"})
    official = {f"base.{name}": value for name, value in state.items() if not name.startswith("fc.")}
    official |= {"bottleneck.weight": torch.empty(2048, device="meta"), "classifier.weight": torch.empty(3, 2048)}
    fine_tuned = match_weights(model, from_tensors(official, source="x"))[0]
    assert fine_tuned.kind == "transreid"
    assert {"necks.0.norm.weight", "necks.0.classifier.weight"} <= set(fine_tuned.matched)


def test_files_of_another_net() -> None:
    convnext = create_model("test_convnext", num_classes=3)
    vit_file = from_tensors(official_state(tiny_model()), source="vit.pth")
    with pytest.raises(ModelFormatError, match=r"timm's reader for a ConvNeXt cannot use vit\.pth \(KeyError"):
        load_weights(convnext, vit_file)
    net_file = from_tensors(_timm_net("test_convnext").state_dict(), source="convnext.pth")
    with pytest.raises(ModelFormatError, match=r"convnext\.pth has nothing for this model's encoder"):
        load_weights(tiny_model(), net_file)
    with pytest.raises(ModelFormatError, match="UNEXPECTED in the file"):
        load_weights(convnext, from_tensors({**net_file.state, "encoder.net.more": torch.zeros(1)}, source="x"))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1, 1, 1)])
def test_a_tensor_of_any_shape_is_reported(shape: tuple[int, ...]) -> None:
    model = tiny_model(jigsaw=True, num_cameras=3)
    state, wanted = official_state(model), model.state_dict()
    for name in state:
        file = from_tensors({**state, name: torch.zeros(shape)}, source="x")
        found, (_, taken) = describe(file), match_weights(model, file)
        assert found is None or found.depth == 2
        assert all(value.shape == wanted[name].shape for name, value in taken.items())
        assert len(taken) >= len(wanted) - 1, name


def test_timms_reader_may_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(state: object, net: object) -> None:
        raise KeyError("stem")

    monkeypatch.setattr("timm.models.convnext.checkpoint_filter_fn", refuse)
    state = {**_timm_net("test_convnext").state_dict(), "stem.0.weight": torch.zeros(1)}
    with pytest.raises(ModelFormatError, match=r"timm's reader for a ConvNeXt cannot use x \(KeyError"):
        load_weights(create_model("test_convnext", num_classes=3), from_tensors(state, source="x"))
    load_weights(
        create_model("test_convnext", num_classes=3), from_tensors(_timm_net("test_convnext").state_dict(), source="x")
    )


def test_our_names_of_a_vit_can_be_undone() -> None:
    state = {name: value for name, value in backbone_state(tiny_model()).items() if not name.startswith("head.")}
    file = from_tensors(state, source="x")
    back = net_state(file.state)
    assert back.keys() == state.keys()
    assert all(back[name] is state[name] for name in state)
