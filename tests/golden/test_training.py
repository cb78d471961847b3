"""Optimiser, schedule and whole training steps against the official implementation."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from resight.losses import ReIDLoss
from resight.models.reid import join_branches
from resight.models.weights.transreid import from_transreid
from resight.train.optim import GroupRule, create_optimizer, parameter_groups
from resight.train.schedules import CosineSchedule, MultiStepSchedule, schedule_time, set_learning_rate
from tests.golden.build import build_model
from tests.golden.discovery import GoldenCase, parametrize
from tests.golden.test_losses import _number


def _schedule(entry: dict[str, Any]) -> tuple[CosineSchedule | MultiStepSchedule, str]:
    """The schedule of an entry and the epochs' clock."""
    clock = "epoch_start" if "END of every epoch" in entry["scheduler_called"] else "epoch_end"
    if "milestones" in entry:
        return MultiStepSchedule(
            milestones=tuple(entry["milestones"]),
            gamma=entry["gamma"],
            warmup_epochs=entry["warmup_iters"],
            warmup_factor=entry["warmup_factor"],
        ), clock
    base = entry["base_lr"]
    return CosineSchedule(
        base_lr=base,
        epochs=entry["max_epochs"],
        warmup_epochs=entry["warmup_epochs"],
        warmup_factor=entry["warmup_lr_init"] / base,
        final_factor=entry["lr_min"] / base,
    ), clock


@parametrize("lr_schedule")
def test_learning_rates(case: GoldenCase) -> None:
    for name, entry in case.settings.items():
        schedule, clock = _schedule(entry)
        for key, rates in entry.items():
            if not key.startswith("lr_used_in_epoch"):
                continue
            peak = entry["base_lr"] * (entry["bias_lr_factor"] if key.endswith("biases") else 1)
            ours = [schedule(schedule_time(clock, epoch, 0, 1), peak) for epoch in range(len(rates))]
            assert ours == pytest.approx(rates, rel=1e-9, abs=1e-15), f"{name}: {key}"


@parametrize("train_steps")
def test_training_steps(case: GoldenCase) -> None:
    settings = case.settings
    inputs, outputs = case.load("inputs"), case.load("outputs")
    model = build_model(settings, case.load("weights"), jigsaw=settings["jpm"]).train()
    optimizer = _optimizer(model, settings["optimizer"])
    plan = settings["scheduler"]
    base = settings["optimizer"]["base_lr"]
    schedule = CosineSchedule(
        base_lr=base,
        epochs=plan["epochs"],
        warmup_epochs=plan["warmup_epochs"],
        warmup_factor=plan["warmup_lr_init"] / base,
        final_factor=plan["lr_min"] / base,
    )
    loss_settings = settings["loss"]
    loss = ReIDLoss(
        label_smoothing=_number(loss_settings["id"], "label smoothing", 0.0),
        margin=_number(loss_settings["triplet"], "margin"),
    )
    losses = []
    for step in range(settings["steps"]):
        set_learning_rate(optimizer, schedule, step + 1)
        expected = [settings[key][step] for key in ("lr_per_step_weights", "lr_per_step_biases")]
        assert sorted(_rates(optimizer)) == pytest.approx(sorted(set(expected)), rel=1e-9)
        batch = step % settings["stored_batches"]
        side = {
            "camera": inputs["cam_labels"][batch] if settings["num_cameras"] else None,
            "view": inputs["view_labels"][batch] if settings["num_views"] else None,
        }
        output = model(inputs["images"][batch], **side)
        terms = loss(output.features, output.logits, inputs["labels"][batch])
        optimizer.zero_grad()
        terms.total.backward()
        if step == 0:
            _check_gradients(model, outputs, case)
        optimizer.step()
        losses.append(terms.total.item())
        if step == 0:
            _check_weights(model, case, "weights_after_step1")
    recorded = outputs["loss_per_step"].tolist()
    assert losses == pytest.approx(recorded, rel=settings["tolerance"]["loss"]["rtol"])
    _check_weights(model, case, "weights_final")
    with torch.no_grad():
        features = join_branches(model.eval()(inputs["images"][0], **_first_side(inputs, settings)).features)
    assert_close(features, outputs["eval_feature_batch0_after_training"], **case.tolerance("weights_final"))


def _first_side(inputs: dict[str, torch.Tensor], settings: dict[str, Any]) -> dict[str, torch.Tensor | None]:
    return {
        "camera": inputs["cam_labels"][0] if settings["num_cameras"] else None,
        "view": inputs["view_labels"][0] if settings["num_views"] else None,
    }


def _optimizer(model: torch.nn.Module, settings: dict[str, Any]) -> torch.optim.Optimizer:
    rule = GroupRule(
        lr=settings["base_lr"],
        weight_decay=settings["weight_decay"],
        bias_lr_factor=settings["bias_lr_factor"],
        bias_weight_decay=settings["weight_decay_bias"],
        classifier_lr_factor=2.0 if settings["large_fc_lr"] else 1.0,
    )
    momentum = _number(settings["name"], "momentum")
    return create_optimizer(parameter_groups(model.named_parameters(), rule), "sgd", momentum=momentum)


def _rates(optimizer: torch.optim.Optimizer) -> set[float]:
    return {group["lr"] for group in optimizer.param_groups}


def _check_gradients(model: torch.nn.Module, outputs: dict[str, torch.Tensor], case: GoldenCase) -> None:
    recorded = {
        key.removeprefix("grad_step1/"): value for key, value in outputs.items() if key.startswith("grad_step1/")
    }
    parameters = dict(model.named_parameters())
    translated = from_transreid(recorded)
    assert translated
    for name, gradient in translated.items():
        assert_close(
            parameters[name].grad,
            gradient,
            **case.tolerance("weights_after_step1"),
            msg=lambda m, name=name: f"{name}: {m}",
        )


def _check_weights(model: torch.nn.Module, case: GoldenCase, stem: str) -> None:
    state = model.state_dict()
    expected = from_transreid(case.load(stem))
    assert set(expected) == set(state)
    for name, value in expected.items():
        assert_close(state[name], value, **case.tolerance(stem), msg=lambda m, name=name: f"{name}: {m}")
