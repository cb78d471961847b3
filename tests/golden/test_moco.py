"""MoCo v2, MoCo v3 and MoBY against the official code."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from resight.models.backbones import ViTShape, create_vit
from resight.models.initial import sincos_positions
from resight.pretrain.contrast import batch_contrast, queue_contrast, queue_logits
from resight.pretrain.crop_vit import CropViT
from resight.pretrain.lars import LARS
from resight.pretrain.moby import MobySettings, MobyTask
from resight.pretrain.mocov2 import MocoV2Settings, MocoV2Task
from resight.pretrain.mocov3 import MocoV3Settings, MocoV3Task
from resight.pretrain.schedules import MocoV3Rate, cosine
from resight.train.task import StepTime
from tests.golden.discovery import GoldenCase, parametrize
from tests.golden.pretraining import batch_of, compare, drive, gradients, load


class _Body(nn.Module):
    """The vector encoder of the cases."""

    def __init__(self, fan_in: int, fan_out: int, activation: nn.Module) -> None:
        super().__init__()
        self.body = nn.Linear(fan_in, fan_out)
        self.activation = activation
        self.num_features = fan_out

    def forward(self, values: Tensor) -> Tensor:
        return self.activation(self.body(values))


def _part(outputs: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in outputs.items() if key.startswith(prefix)}


@parametrize("mocov2_loss")
def test_queue_loss(case: GoldenCase) -> None:
    inputs, outputs, temperature = case.load("inputs"), case.load("outputs"), case.settings["temperature"]
    queries, negatives = inputs["q"].clone().requires_grad_(), inputs["queue"].t()
    logits = queue_logits(queries, inputs["k"], negatives, temperature)
    assert_close(logits, outputs["logits"], **case.tolerance())
    loss = queue_contrast(queries, inputs["k"], negatives, temperature)
    loss.backward()
    assert_close(loss, outputs["loss"], **case.tolerance())
    assert_close(queries.grad, outputs["grad_q"], **case.tolerance())


@parametrize("mocov2_training")
def test_moco_v2(case: GoldenCase) -> None:
    settings, inputs, outputs, weights = case.settings, case.load("inputs"), case.load("outputs"), case.load("weights")
    width, fan_in = weights["encoder_q.body.weight"].shape
    task = MocoV2Task(
        _Body(fan_in, width, nn.ReLU()),
        MocoV2Settings(settings["dim"], settings["queue_size"], False, settings["momentum"], settings["temperature"]),
    )
    networks = {"encoder_q.": task.model, "encoder_k.": task.target}
    for prefix, network in networks.items():
        load(network, weights, lambda key, prefix=prefix: _v2_name(key, prefix))
    task.queue.keys, task.queue.place = weights["queue"].t().clone(), int(weights["queue_ptr"])
    optimizer = torch.optim.SGD(task.model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    batches = [batch_of(views) for views in inputs["views"]]
    times = [StepTime(0, step, len(batches), step, len(batches)) for step in range(len(batches))]
    found: list[dict[str, Tensor]] = []
    losses, places = [], []
    for loss in drive(task, optimizer, batches, times, lambda step: found.append(gradients(task.model))):
        losses.append(loss)
        places.append(task.queue.place)
        if len(losses) == 1:
            assert_close(task.queue.keys.t(), outputs["queue_after_step1"], **case.tolerance())
            compare(found[0], _part(outputs, "grad_step1/"), lambda key: _v2_name(key, "encoder_q."), case.tolerance())
    assert places == settings["queue_pointer_after_each_step"]
    assert losses == pytest.approx(outputs["loss"].tolist(), rel=case.tolerance()["rtol"])
    final = case.load("weights_final")
    for prefix, network in networks.items():
        compare(network.state_dict(), final, lambda key, p=prefix: _v2_name(key, p), case.tolerance())
    assert_close(task.queue.keys.t(), final["queue"], **case.tolerance())


def _v2_name(key: str, prefix: str) -> str | None:
    if not key.startswith(prefix):
        return None
    name = key.removeprefix(prefix)
    return f"backbone.{name}" if name.startswith("body") else name.replace("fc.", "head.")


@parametrize("mocov3_loss")
def test_batch_loss(case: GoldenCase) -> None:
    inputs, outputs, temperature = case.load("inputs"), case.load("outputs"), case.settings["temperature"]
    queries = [inputs[name].clone().requires_grad_() for name in ("q1", "q2")]
    losses = [batch_contrast(q, inputs[k], temperature) for q, k in zip(queries, ("k2", "k1"), strict=True)]
    (losses[0] + losses[1]).backward()
    assert_close(losses[0], outputs["loss_q1_k2"], **case.tolerance())
    assert_close(losses[0] + losses[1], outputs["loss_total"], **case.tolerance())
    for query, name in zip(queries, ("grad_q1", "grad_q2"), strict=True):
        assert_close(query.grad, outputs[name], **case.tolerance())


@parametrize("mocov3_schedules")
def test_moco_v3_schedules(case: GoldenCase) -> None:
    settings = case.settings
    rate, epochs = MocoV3Rate(settings["epochs"], settings["warmup_epochs"]), settings["epochs"]
    places = settings["epoch_positions"]
    assert [rate(t, settings["base_lr"]) for t in places] == pytest.approx(settings["lr"], rel=1e-9, abs=1e-12)
    momenta = [cosine(settings["moco_m"], 1.0, t / epochs) for t in places]
    assert momenta == pytest.approx(settings["momentum"], rel=1e-12)


@parametrize("mocov3_positions")
def test_fixed_positions(case: GoldenCase) -> None:
    """The official table of a grid is ours of the grid turned round, which is the same on squares alone."""
    outputs = case.load("outputs")
    for name, entry in case.settings["cases"].items():
        rows, columns = entry["grid_hw"]
        official = outputs[name][0]
        assert not official[0].any()
        turned = sincos_positions((columns, rows), case.settings["embed_dim"])
        assert_close(turned, official[1:], **case.tolerance())
        ours = sincos_positions((rows, columns), case.settings["embed_dim"])
        assert torch.equal(ours, turned) == (rows == columns)


@parametrize("mocov3_training")
def test_moco_v3(case: GoldenCase) -> None:
    """In float64: a ReLU of the third step is so near to 0 that float32 in another order of summation flips it."""
    settings, inputs, outputs, weights = case.settings, case.load("inputs"), case.load("outputs"), case.load("weights")
    shape = ViTShape(settings["embed_dim"], settings["depth"], settings["num_heads"], settings["mlp_ratio"])
    size = (settings["image_hw"][0], settings["image_hw"][1])
    backbone = CropViT(create_vit(shape, image_size=size, patch_size=settings["patch_size"]))
    backbone.pos_embed.requires_grad_(False)
    hidden, dim = weights["predictor.0.weight"].shape
    task = MocoV3Task(backbone, MocoV3Settings(dim, hidden, momentum=settings["schedule"]["moco_m"]))
    for network, rename in ((task.model, _v3_online), (task.target, _v3_target)):
        load(network.double(), weights, rename)
    optimizer = LARS([p for p in task.model.parameters() if p.requires_grad], lr=0.0, weight_decay=1e-6)
    batches = [batch_of(views.double()) for views in inputs["views"]]
    # As shares of the whole run: 60 steps of 1/20 of an epoch.
    epochs = settings["schedule"]["epochs"]
    times = [StepTime(0, n, 3, round(20 * t), 20 * epochs) for n, t in enumerate(settings["epoch_position_per_step"])]
    rate = MocoV3Rate(epochs, settings["schedule"]["warmup_epochs"])
    rates = [rate(t, settings["schedule"]["base_lr"]) for t in settings["epoch_position_per_step"]]
    assert rates == pytest.approx(settings["lr_per_step"], rel=1e-9)
    found: list[dict[str, Tensor]] = []

    def set_rate(step: int) -> None:
        found.append(gradients(task.model))
        optimizer.param_groups[0]["lr"] = rates[step]

    losses = []
    for loss in drive(task, optimizer, batches, times, set_rate):
        losses.append(loss)
        if len(losses) == 1:
            compare(found[0], _part(outputs, "grad_step1/"), _v3_online, case.tolerance("weights"), drops_key_bias=True)
            expected = _part(outputs, "momentum_encoder_after_step1/")
            compare(task.target.state_dict(), expected, lambda k: _v3_target(f"momentum_encoder.{k}"),
                    case.tolerance("weights"))  # fmt: skip
    assert losses == pytest.approx(outputs["loss"].tolist(), rel=settings["tolerance"]["loss"]["rtol"])
    final = case.load("weights_final")
    compare(task.model.state_dict(), final, _v3_online, case.tolerance("weights"), drops_key_bias=True)
    compare(task.target.state_dict(), final, _v3_target, case.tolerance("weights"), drops_key_bias=True)


def _v3_online(key: str) -> str | None:
    return key if key.startswith("predictor.") else _v3_encoder(key, "base_encoder.")


def _v3_target(key: str) -> str | None:
    return _v3_encoder(key, "momentum_encoder.")


def _v3_encoder(key: str, prefix: str) -> str | None:
    if not key.startswith(prefix):
        return None
    name = key.removeprefix(prefix)
    return name.replace("head.", "projector.", 1) if name.startswith("head.") else f"backbone.{name}"


@parametrize("moby_training")
def test_moby(case: GoldenCase) -> None:
    settings, inputs, outputs, weights = case.settings, case.load("inputs"), case.load("outputs"), case.load("weights")
    width, fan_in = weights["encoder.body.weight"].shape
    task = MobyTask(
        _Body(fan_in, width, nn.Tanh()),
        MobySettings(
            settings["out_dim"],
            settings["inner_dim"],
            settings["num_negative"],
            settings["base_momentum"],
            settings["temperature"],
        ),
    )
    load(task.model, weights, _moby_online)
    load(task.target, weights, _moby_target)
    for number, queue in enumerate(task.queues, 1):
        queue.keys, queue.place = weights[f"queue{number}"].t().clone(), int(weights["queue_ptr"])
    optimizer = torch.optim.SGD(task.model.parameters(), lr=0.05, momentum=0.9)
    batches = [batch_of(views) for views in inputs["views"]]
    times = [StepTime(0, n, len(batches), n, settings["total_iterations"]) for n in range(len(batches))]
    momenta = [cosine(settings["base_momentum"], 1.0, time.progress) for time in times]
    assert momenta == pytest.approx(settings["momentum_per_step"], rel=1e-9)
    found: list[dict[str, Tensor]] = []
    losses: list[float] = []
    for loss in drive(task, optimizer, batches, times, lambda step: found.append(gradients(task.model))):
        losses.append(loss)
        if len(losses) == 1:
            compare(found[0], _part(outputs, "grad_step1/"), _moby_online, case.tolerance())
            for number, queue in enumerate(task.queues, 1):
                assert_close(queue.keys.t(), outputs[f"queue{number}_after_step1"], **case.tolerance())
    assert losses == pytest.approx(outputs["loss"].tolist(), rel=case.tolerance()["rtol"])
    final = case.load("weights_final")
    compare(task.model.state_dict(), final, _moby_online, case.tolerance())
    compare(task.target.state_dict(), final, _moby_target, case.tolerance())
    for number, queue in enumerate(task.queues, 1):
        assert_close(queue.keys.t(), final[f"queue{number}"], **case.tolerance())
        assert queue.place == int(final["queue_ptr"])


def _moby_online(key: str) -> str | None:
    if key.startswith("encoder."):
        return key.replace("encoder.", "backbone.")
    return _moby_mlp(key) if re.match(r"(projector|predictor)\.", key) else None


def _moby_target(key: str) -> str | None:
    if key.startswith("encoder_k."):
        return key.replace("encoder_k.", "backbone.")
    return _moby_mlp(key.replace("projector_k.", "projector.")) if key.startswith("projector_k.") else None


def _moby_mlp(key: str) -> str:
    places: dict[str, Any] = {"linear_hidden.1": "0", "linear_hidden.2": "1", "linear_out": "3"}
    for theirs, ours in places.items():
        key = key.replace(f".{theirs}.", f".{ours}.")
    return key
