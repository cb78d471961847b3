"""DINO and its re-identification variant against the official code."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from resight.models.backbones import ViTShape, create_vit
from resight.pretrain.crop_vit import CropViT
from resight.pretrain.dino import DinoSettings, DinoTask
from resight.pretrain.dino_loss import dino_loss, teacher_probabilities
from resight.pretrain.heads import DinoHead
from resight.pretrain.optimizer import pretrain_optimizer
from resight.pretrain.positions import positions_for
from resight.pretrain.schedules import DinoRate, cosine, warmed_up
from resight.train import LoopSettings, Trainer
from tests.golden.discovery import GoldenCase, parametrize
from tests.golden.pretraining import batch_of, compare, gradients, load


@parametrize("dino_loss")
def test_loss_and_center(case: GoldenCase) -> None:
    settings, inputs, outputs = case.settings, case.load("inputs"), case.load("outputs")
    images = settings["images_per_crop"]
    center = torch.zeros(1, settings["out_dim"])
    warm = (settings["warmup_teacher_temp"], settings["teacher_temp"], settings["warmup_teacher_temp_epochs"])
    for epoch, temperature in enumerate(settings["teacher_temp_per_epoch"]):
        assert warmed_up(*warm, epoch) == pytest.approx(temperature, rel=1e-12)
    for step, epoch in enumerate(settings["epoch_at_step"]):
        student = inputs["student_outputs"][step].clone().requires_grad_()
        teacher = inputs["teacher_outputs"][step].view(settings["num_global_crops"], images, -1)
        probabilities = teacher_probabilities(teacher, center, warmed_up(*warm, epoch))
        loss = dino_loss(student.view(-1, images, settings["out_dim"]), probabilities, settings["student_temp"])
        loss.backward()
        keep = settings["center_momentum"]
        center = center * keep + teacher.mean((0, 1)) * (1 - keep)
        assert_close(loss.double(), outputs["loss"][step], **case.tolerance())
        assert_close(student.grad, outputs["grad_student_outputs"][step], **case.tolerance())
        assert_close(center[0], outputs["center_after_step"][step], **case.tolerance())


@parametrize("dino_head")
def test_head(case: GoldenCase) -> None:
    settings, outputs, x = case.settings, case.load("outputs"), case.load("inputs")["x"]
    head = DinoHead(
        settings["in_dim"],
        settings["out_dim"],
        hidden=settings["hidden_dim"],
        bottleneck=settings["bottleneck_dim"],
        layers=settings["nlayers"],
        batch_norm=settings["use_bn"],
        trains_gain=not settings["norm_last_layer"],
    )
    head.load_state_dict(case.load("weights"))
    if "output_eval" in outputs:  # from before the training step
        assert_close(head.eval()(x), outputs["output_eval"], **case.tolerance())
    output = head.train()(x)
    assert_close(output, outputs["output_train"], **case.tolerance())
    output.square().sum().backward()
    wanted = {k.partition("/")[2]: v for k, v in outputs.items() if k.startswith("grad_of_sum_squared_output/")}
    found = gradients(head)
    assert set(found) == set(wanted)
    compare(found, wanted, lambda key: key, case.tolerance())
    after = {k.partition("/")[2]: v for k, v in outputs.items() if k.startswith("after_train/")}
    for name, value in after.items():
        assert_close(head.state_dict()[name], value, **case.tolerance())


@parametrize("dino_schedules")
def test_schedules(case: GoldenCase) -> None:
    for name, entry in case.settings["cases"].items():
        args, values = entry["args"], entry["values"]
        steps = args["niter_per_ep"]
        if name == "lr":
            rate = DinoRate(args["epochs"], steps, args["warmup_epochs"], args["final_value"])
            ours = [rate(step / steps, args["base_value"]) for step in range(len(values))]
        else:
            ours = [cosine(args["base_value"], args["final_value"], step / len(values)) for step in range(len(values))]
        assert ours == pytest.approx(values, rel=1e-9, abs=1e-15), name


@parametrize("dino_positions")
def test_positions_of_other_crops(case: GoldenCase) -> None:
    settings, outputs = case.settings, case.load("outputs")
    table, own = case.load("inputs")["pos_embed"], tuple(settings["trained_grid_hw"])
    for height, width in settings["crop_sizes_hw"]:
        grid = (height // settings["patch_size"], width // settings["patch_size"])
        ours = positions_for(table, own, grid)
        assert_close(ours, outputs[f"{height}x{width}"], **case.tolerance())


class _Recording(DinoTask):
    """Keeps what the case has recorded of each step."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.losses: list[float] = []
        self.centers: list[torch.Tensor] = []
        self.rates: list[float] = []
        self.decays: list[float] = []
        self.first_gradients: dict[str, torch.Tensor] = {}

    def before_step(self, time: Any, optimizer: torch.optim.Optimizer) -> None:
        super().before_step(time, optimizer)
        self.rates.append(optimizer.param_groups[0]["lr"])
        self.decays.append(optimizer.param_groups[0]["weight_decay"])

    def terms(self, model: Any, batch: Any) -> Any:
        terms = super().terms(model, batch)
        self.losses.append(terms["loss"].item())
        return terms

    def before_update(self) -> None:
        super().before_update()
        if not self.first_gradients:
            self.first_gradients = gradients(self.model)

    def after_step(self, step: int) -> None:
        super().after_step(step)
        self.centers.append(self.center[0].clone())


@parametrize("dino_training")
def test_training_by_the_trainer(case: GoldenCase) -> None:
    settings, inputs, outputs = case.settings, case.load("inputs"), case.load("outputs")
    task = _task(settings)
    for network in (task.model, task.target):
        load(network, case.load("weights"), lambda key: key)
    stored = [batch_of(inputs["global_crops"][n], inputs["local_crops"][n]) for n in range(settings["stored_batches"])]
    per_epoch, epochs = settings["iterations_per_epoch"], settings["epochs"]

    def batches(epoch: int, start: int) -> list[Any]:
        return [stored[(epoch * per_epoch + step) % len(stored)] for step in range(start, per_epoch)]

    optimizer = pretrain_optimizer(
        task.model, "adamw", lr=settings["lr"], weight_decay=settings["weight_decay"], total_batch=256
    )
    assert _names(task, optimizer, 0) == set(settings["regularised_names"])
    assert _names(task, optimizer, 1) == set(settings["not_regularised_names"])
    trainer = Trainer(
        task,
        batches=batches,
        optimizer=optimizer,
        schedule=DinoRate(epochs, per_epoch, settings["warmup_epochs"], settings["min_lr"]),
        settings=LoopSettings(epochs=epochs, clock="step"),
    )
    trainer.fit()
    assert task.rates == pytest.approx(settings["lr_per_iteration"], rel=1e-9)
    assert task.decays == pytest.approx(settings["weight_decay_per_iteration"], rel=1e-9)
    assert task.losses == pytest.approx(outputs["loss"].tolist(), rel=settings["tolerance"]["loss"]["rtol"])
    tolerance = case.tolerance("weights")
    assert_close(torch.stack(task.centers), outputs["center_after_step"], **tolerance)
    recorded = {key.partition("/")[2]: value for key, value in outputs.items() if key.startswith("grad_step1")}
    assert set(task.first_gradients) == set(recorded)  # none for the prototypes
    compare(task.first_gradients, recorded, lambda key: key, tolerance)
    for network, stem in ((task.model, "weights_student_final"), (task.target, "weights_teacher_final")):
        compare(network.state_dict(), case.load(stem), lambda key: key, tolerance, drops_key_bias=True)


def _task(settings: dict[str, Any]) -> _Recording:
    shape = ViTShape(
        settings["embed_dim"],
        settings["depth"],
        settings["num_heads"],
        settings["mlp_ratio"],
        settings["qkv_bias"],
        convolution_stem="IBN" in settings["stem"],
    )
    size = (settings["image_hw"][0], settings["image_hw"][1])
    backbone = CropViT(create_vit(shape, image_size=size, patch_size=settings["patch_size"]))
    head = settings["head"]
    return _Recording(
        backbone,
        DinoSettings(
            prototypes=head["out_dim"],
            hidden=head["hidden_dim"],
            bottleneck=head["bottleneck_dim"],
            layers=head["nlayers"],
            batch_norm=head["use_bn"],
            trains_gain=not head["norm_last_layer"],
            teacher_temperature=settings["teacher_temp"],
            warmup_teacher_temperature=settings["warmup_teacher_temp"],
            warmup_teacher_epochs=settings["warmup_teacher_temp_epochs"],
            momentum=settings["momentum_teacher"],
            weight_decay=settings["weight_decay"],
            final_weight_decay=settings["weight_decay_end"],
            clip=settings["clip_grad"],
            freeze_epochs=settings["freeze_last_layer"],
        ),
    )


def _names(task: DinoTask, optimizer: torch.optim.Optimizer, group: int) -> set[str]:
    members = {id(parameter) for parameter in optimizer.param_groups[group]["params"]}
    return {name for name, parameter in task.model.named_parameters() if id(parameter) in members}
