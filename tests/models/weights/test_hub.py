from typing import Any

import pytest
import timm
import torch
from timm.models import get_pretrained_cfg
from torch import nn

from resight.errors import ModelFormatError
from resight.models.backbones import VIT_SHAPES
from resight.models.weights import hub
from tests.models.weights.official import backbone_state, tiny_model


class _Net(nn.Module):
    """Stands for what timm makes."""

    def state_dict(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return backbone_state(tiny_model())


def test_the_papers_initial_weights() -> None:
    """Known by the names of the files that the released code asks for."""
    files = {
        "vit_base": "jx_vit_base_p16_224-80ecf9dd.pth",
        "deit_base": "deit_base_distilled_patch16_224-df68dfff.pth",
        "deit_small": "deit_small_distilled_patch16_224-649709d9.pth",
    }
    for name, file in files.items():
        assert get_pretrained_cfg(hub.TIMM_NAMES[name]).url.endswith(file), name


def test_all_names_are_known_to_timm() -> None:
    for name in hub.TIMM_NAMES.values():
        assert get_pretrained_cfg(name).has_weights, name


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("vit_base", "vit_base_patch16_224.orig_in21k_ft_in1k"),
        ("vit_small_patch16_224.dino", "vit_small_patch16_224.dino"),
        ("convnext_tiny", "convnext_tiny"),
    ],
)
def test_timms_own_code_fetches_them(monkeypatch: pytest.MonkeyPatch, name: str, asked: str) -> None:
    calls: list[tuple[str, bool]] = []

    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        calls.append((name, pretrained))
        return _Net()

    monkeypatch.setattr(timm, "create_model", create_model)
    file = hub.timm_weights(name)
    assert calls == [(asked, True)]
    assert (file.kind, file.source) == ("timm", f"timm's {asked}")
    assert "encoder.global_branch.norm.weight" in file.state


@pytest.mark.parametrize("problem", [OSError("no route to host"), RuntimeError("bad file"), ConnectionError()])
def test_offline_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        raise problem

    monkeypatch.setattr(timm, "create_model", create_model)
    with pytest.raises(ModelFormatError) as caught:
        hub.timm_weights("vit_base")
    message = str(caught.value)
    assert type(problem).__name__ in message
    for advice in ("another machine", "pass the path", "huggingface.co/timm/vit_base_patch16_224.orig", "HF_HOME"):
        assert advice in message


@pytest.mark.parametrize(
    "name",
    [
        "vit_small_transreid",
        "vit_micro",
        "no_such_net",
        "vit_base_patch16_224.no_such_tag",
        "vit_base_patch16_18x2_224",
    ],
)
def test_nets_without_weights(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(ModelFormatError, match=f"no pre-trained weights for {name}; pass the path"):
        hub.timm_weights(name)


def test_every_net_of_ours_has_weights_or_has_none() -> None:
    """A new net is entered here or there."""
    without = {"vit_small_transreid", "vit_micro", "vit_nano", "vit_small_ics", "vit_base_ics"}
    assert set(VIT_SHAPES) - set(hub.TIMM_NAMES) <= without
