"""Backbone, stem, pooling, side information, baseline and jigsaw against the official implementation."""

import torch
from torch.testing import assert_close

from resight.models.jigsaw import jigsaw_order
from resight.models.reid import join_branches
from tests.golden.build import build_encoder, build_model, encoder_state, side_inputs
from tests.golden.discovery import GoldenCase, parametrize


def _check_features(case: GoldenCase) -> None:
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    encoder = build_encoder(case.settings, jigsaw=False).eval()
    encoder.load_state_dict(encoder_state(case.load("weights")), strict=True)
    with torch.no_grad():
        embedded = encoder.embed(inputs["image"], **side_inputs(inputs, case.settings))
        last = encoder.trunk(embedded)
        features = encoder(inputs["image"], **side_inputs(inputs, case.settings))
    assert_close(embedded, outputs["tokens_embedded"], **tolerance)
    assert_close(last, outputs["tokens_before_last_block"], **tolerance)
    assert_close(features[:, 0], outputs["cls_feature"], **tolerance)


@parametrize("vit_features")
def test_vit_features(case: GoldenCase) -> None:
    _check_features(case)


@parametrize("sie")
def test_side_information(case: GoldenCase) -> None:
    _check_features(case)


@parametrize("baseline")
def test_baseline(case: GoldenCase) -> None:
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    model = build_model(case.settings, case.load("weights"), jigsaw=False)
    side = side_inputs(inputs, case.settings)
    with torch.no_grad():
        evaluated = model.eval()(inputs["image"], **side)
        trained = model.train()(inputs["image"], **side)
    assert_close(join_branches(evaluated.features), outputs["eval_feature_neck_before"], **tolerance)
    assert_close(join_branches(evaluated.neck_features), outputs["eval_feature_neck_after"], **tolerance)
    assert_close(trained.features[:, 0], outputs["train_feat"], **tolerance)
    assert_close(trained.logits[:, 0], outputs["train_score"], **tolerance)
    _check_statistics(model, outputs, tolerance)


@parametrize("jpm")
def test_jigsaw(case: GoldenCase) -> None:
    settings = case.settings
    inputs, outputs, tolerance = case.load("inputs"), case.load("outputs"), case.tolerance()
    model = build_model(settings, case.load("weights"), jigsaw=True)
    side = side_inputs(inputs, settings)
    with torch.no_grad():
        tokens = model.eval().encoder.trunk(model.encoder.embed(inputs["image"], **side))
        evaluated = model(inputs["image"], **side)
        trained = model.train()(inputs["image"], **side)
    assert_close(tokens, outputs["tokens_before_last_block"], **tolerance)
    slots = torch.tensor(settings["patch_index_at_each_rearranged_slot"])
    if settings["rearrange"]:
        order = jigsaw_order(settings["num_patches"], shift=settings["shift_num"], groups=settings["shuffle_groups"])
        assert order.tolist() == slots.tolist()
        assert_close(tokens[:, 1:][:, order], outputs["rearranged_tokens"], **tolerance)
    length = settings["tokens_per_local_group"]
    parts = model.encoder.parts - 1
    assert parts.tolist() == slots[: len(parts) * length].view(len(parts), length).tolist()
    assert_close(join_branches(evaluated.features), outputs["eval_feature_neck_before"], **tolerance)
    assert_close(join_branches(evaluated.neck_features), outputs["eval_feature_neck_after"], **tolerance)
    for branch in range(len(parts) + 1):
        assert_close(trained.features[:, branch], outputs[f"train_feat_{branch}"], **tolerance)
        assert_close(trained.logits[:, branch], outputs[f"train_score_{branch}"], **tolerance)
    _check_statistics(model, outputs, tolerance)


@parametrize("ics")
def test_convolution_stem(case: GoldenCase) -> None:
    image, outputs, tolerance = case.load("inputs")["image"], case.load("outputs"), case.tolerance()
    encoder = build_encoder(case.settings, jigsaw=False).eval()
    encoder.load_state_dict(encoder_state(case.load("weights")), strict=True)
    stem = encoder.patch_embed
    with torch.no_grad():
        assert_close(stem.conv[0](image)[:, ::8], outputs["stem_after_first_conv"], **tolerance)
        assert_close(stem.conv[:3](image)[:, ::8], outputs["stem_after_first_ibn_relu"], **tolerance)
        assert_close(stem.conv(image)[:, ::8], outputs["stem_output"], **tolerance)
        assert_close(stem(image), outputs["patch_tokens"], **tolerance)
        assert_close(encoder(image)[:, 0], outputs["cls_feature"], **tolerance)
        assert_close(stem.train()(image), outputs["train/patch_tokens"], **tolerance)
    recorded = {key.removeprefix("after_train/"): value for key, value in outputs.items() if key.startswith("after_")}
    assert recorded
    for key, value in recorded.items():
        assert_close(encoder.state_dict()[key], value, **tolerance)


@parametrize("gem_pooling")
def test_gem_pooling(case: GoldenCase) -> None:
    image, outputs, tolerance = case.load("inputs")["image"], case.load("outputs"), case.tolerance()
    state = encoder_state(case.load("weights"))
    for pooling, name in (("default", "feature_cls_only"), ("gem", "feature_with_gem")):
        encoder = build_encoder(case.settings, jigsaw=False, pooling=pooling).eval()
        encoder.load_state_dict(state, strict=True)
        with torch.no_grad():
            assert_close(encoder(image)[:, 0], outputs[name], **tolerance)


def _check_statistics(model: torch.nn.Module, outputs: dict[str, torch.Tensor], tolerance: dict[str, float]) -> None:
    """Batch-norm statistics after one training forward."""
    recorded = {key.removeprefix("after_train/"): value for key, value in outputs.items() if key.startswith("after_")}
    assert recorded
    state = model.state_dict()
    for key, value in recorded.items():
        branch, _, name = key.removeprefix("bottleneck").removeprefix("_").rpartition(".")
        assert_close(state[f"necks.{branch or 0}.norm.{name}"], value, **tolerance)
