"""What holds for every model, whatever its net: all our names, and nets of timm of many builds."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from resight.data.transforms import EvalTransform
from resight.inference import ModelCard, load, write_model
from resight.models import create_model, list_models
from resight.models.backbones import VIT_SHAPES
from resight.models.encoder import TransReIDEncoder
from tests.models.tiny import TINY, shake

SMALL = {"image_size": (64, 32), "drop_path": 0.0}
VITS = dict.fromkeys(VIT_SHAPES, TINY)  # the smallest width and depth: what is tested is the whole, not the size
SIDE = {"num_cameras": 2, "num_views": 3}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, VITS.get(name, SMALL)) for name in list_models()},
    **{f"{name}, all": (name, {**TINY, **SIDE, "jigsaw": True, "jigsaw_parts": 2}) for name in VIT_SHAPES},
    "ViT with gem": ("vit_nano", {**TINY, **SIDE, "pooling": "gem"}),
    "ViT with average": ("vit_small_ics", {**TINY, "pooling": "average"}),
    "overlap": ("vit_nano", {**TINY, "stride": 5}),
    "structured": ("vit_nano", {**TINY, "initial_weights": "structured"}),
    "arcface": ("vit_nano", {**TINY, "classifier": "arcface"}),
    "timm's ViT, all": ("test_vit", {**SMALL, **SIDE, "jigsaw": True, "jigsaw_parts": 2, "stride": 8}),
    "distilled": ("deit_tiny_distilled_patch16_224", {**SMALL, **SIDE}),
    "patch 14": ("vit_small_patch14_reg4_dinov2", {**SMALL, "jigsaw": True, "jigsaw_parts": 2}),
    "rotary": ("vit_small_patch16_dinov3", {**SMALL, **SIDE, "stride": 8}),
    **{
        name: (name, SMALL) for name in ("test_vit.r160_in1k", "test_vit2", "test_vit3", "test_vit4", "test_vit_relpos")
    },
    **{name: (name, SMALL) for name in ("test_resnet", "test_convnext", "test_efficientnet", "test_maxvit")},
    "ConvNeXt with gem": ("test_convnext", {**SMALL, "pooling": "gem"}),
}
LARGE = ("resnet50_ibn_a", "patch 14", "rotary")  # timm has no smaller ones of these
CASES = [pytest.param(*value, id=key, marks=pytest.mark.slow if key in LARGE else ()) for key, value in MODELS.items()]
CLASSES = 5


def crops(settings: dict[str, Any], count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, *settings["image_size"], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_every_model(name, settings, tmp_path):
    torch.manual_seed(0)
    model = create_model(name, num_classes=CLASSES, **settings)
    if isinstance(model.encoder, TransReIDEncoder):
        shake(model.encoder)  # some begin with a class token near 0, which tells nothing
    _check_training(model, settings)
    model.eval()
    with torch.no_grad():
        output = model(crops(settings), torch.tensor([0, 1, -1]), torch.tensor([2, -1, 0]))
        single = model(crops(settings)[:1], torch.tensor([0]), torch.tensor([2]))
    assert output.embedding.shape == (3, model.embedding_dim)
    assert output.embedding.dtype == torch.float32
    assert_close(output.embedding.norm(dim=1), torch.ones(3))
    assert_close(single.embedding, output.embedding[:1], atol=1e-4, rtol=1e-3)
    assert (output.embedding[0] - output.embedding[1]).abs().max() > 1e-3, "images are told apart"
    _check_unknown_cameras(model, settings)
    _check_round_trip(name, settings, model, tmp_path)


def _check_training(model: torch.nn.Module, settings: dict[str, Any]) -> None:
    """Every parameter but the shift of the necks gets a gradient, with and without checkpointing."""
    for checkpointing in (False, True):
        model.encoder.gradient_checkpointing = checkpointing
        model.zero_grad()
        output = model.train()(crops(settings), torch.tensor([0, 1, -1]), torch.tensor([2, -1, 0]))
        assert output.features.shape == output.neck_features.shape == (3, model.encoder.num_branches, model.encoder.dim)
        assert output.logits.shape == (3, model.encoder.num_branches, CLASSES)
        (output.logits.square().sum() + output.features.square().sum()).backward()
        missing = {name for name, value in model.named_parameters() if value.requires_grad and value.grad is None}
        assert missing == set()
        assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


def _check_unknown_cameras(model: torch.nn.Module, settings: dict[str, Any]) -> None:
    """None is as unknown as -1; nets without side information do not look at cameras."""
    unknown = torch.full((3,), -1)
    with torch.no_grad():
        without, with_unknown = model(crops(settings)), model(crops(settings), unknown, unknown)
        known = model(crops(settings), torch.tensor([1, 1, 1]), torch.tensor([0, 0, 0]))
    assert torch.equal(without.embedding, with_unknown.embedding)
    assert torch.equal(without.embedding, known.embedding) is ("num_cameras" not in settings)


def _check_round_trip(name: str, settings: dict[str, Any], model: torch.nn.Module, folder: Any) -> None:
    cameras = tuple("ab"[: settings.get("num_cameras", 0)])
    views = tuple("xyz"[: settings.get("num_views", 0)])
    size = settings["image_size"]
    stored = {**settings, "num_classes": CLASSES}
    write_model(folder, model, ModelCard(name, stored, EvalTransform(size), cameras, views))
    loaded = load(folder, device="cpu").model
    assert loaded.num_classes == 0
    with torch.no_grad():
        assert torch.equal(loaded(crops(settings)).embedding, model(crops(settings)).embedding)
