"""Runs a recipe of pre-training: pool, method, the one training loop, and the folder that holds what came out.

`resight train --init RUN` starts from what it leaves; `resight.train.run_folder` says what that is.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from resight.data.pool import Pool
from resight.errors import TrainingError
from resight.folder_lock import hold_folder
from resight.inference import join_processes
from resight.pretrain.export import export_backbone
from resight.pretrain.method import PretrainTask
from resight.pretrain.probe import Probe
from resight.pretrain.processes import world
from resight.pretrain.sheet import write_sheet
from resight.pretrain.start import start_from
from resight.pretrain.view_batch import PoolBatches, ViewDataset
from resight.pretrain.views import Views
from resight.recipes import pretrain_build as build
from resight.recipes.evaluation_set import Listener
from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.pretrain_watch import HealthWatch
from resight.train import Hooks, PrecisionChoice, RunFolder, Trainer

FREE = (
    *("title", "data.source", "data.workers", "probe"),
    *("train.save_every", "train.save_steps", "train.look_steps"),
)
"""What a resumed run may change, since no weight depends on it."""


@dataclass(frozen=True)
class PretrainOutcome:
    """What a finished pre-training leaves.

    rows: numbers of each epoch. probe: of the result; None: none was asked for.
    """

    folder: RunFolder
    recipe: PretrainRecipe
    rows: list[dict[str, Any]]
    probe: dict[str, float] | None


def pretrain(
    recipe: PretrainRecipe, folder: Path, *, resume: bool = False, listener: Listener | None = None
) -> PretrainOutcome:
    """Pre-trains to the end, and stores the backbone.

    Args:
        recipe: with a pool.
        folder: of the run; must be new, empty or of a run that has not begun, unless resumed.
        resume: go on from the folder's last checkpoint; the recipe may differ in `FREE` alone.
        listener: whom to tell.

    Raises:
        ResightError: if the pool, the recipe or the folder cannot be used, or the loss stops being finite.
    """
    listener = listener or Listener()
    join_processes()
    listener.on_stage("opening the pool")
    pool, views = build.build_pool(recipe), build.build_views(recipe.views)
    labelled = build.build_probe_set(recipe.probe)
    task = build.build_task(recipe, views)
    if recipe.model.weights is not None and not (resume and RunFolder(folder).checkpoint.is_file()):
        start_from(task, recipe.model.weights)
    trainer = _trainer(recipe, pool, views, task, RunFolder(folder).checkpoint)
    probe = None if labelled is None else Probe(task, labelled, build.probe_transform(recipe, views))
    is_first = trainer.accelerator.is_main_process
    with hold_folder(folder, "training", TrainingError) if is_first else nullcontext():
        run = RunFolder(folder)
        if is_first:
            content, facts = build.dump_pretrain_recipe(recipe), {"images": len(pool)}
            defaults = build.dump_pretrain_recipe(PretrainRecipe())
            run = RunFolder.create(
                folder, content, defaults=defaults, data=facts, free=FREE, resume=resume, command=recipe.command
            )
            if not run.checkpoint.is_file():
                write_sheet(pool, views, run.crops, seed=recipe.train.seed)
        trainer.accelerator.wait_for_everyone()
        if resume and run.checkpoint.is_file():
            trainer.resume()
        if resume and is_first:
            run.cut_rows(trainer.epoch, trainer.step)
        _fit(trainer, run, listener, probe, recipe)
        found = None if probe is None else dict(_told(probe, listener)(trainer.model))
        if is_first:
            if found is not None:
                run.write_report(found)
            about = {
                "method": recipe.method,
                "epochs": recipe.train.epochs,
                "images": len(pool),
                "mean": views.mean,
                "std": views.std,
            }
            export_backbone(task.backbone, build.backbone_settings(recipe), run.backbone, about=about)
        trainer.accelerator.wait_for_everyone()
    return PretrainOutcome(run, recipe, run.rows(), found)


def _trainer(recipe: PretrainRecipe, pool: Pool, views: Views, task: PretrainTask, checkpoint: Path) -> Trainer:
    optimizer = build.build_optimizer(recipe, task, world=world())
    trainer = Trainer(
        task,
        batches=lambda epoch, start: [],
        optimizer=optimizer,
        schedule=lambda t, peak: peak,
        settings=build.build_loop_settings(recipe),
        checkpoint=checkpoint,
    )
    batches = PoolBatches(
        ViewDataset(pool, views, decoder=recipe.data.decoder),
        recipe.data.batch_size,
        seed=recipe.train.seed,
        workers=recipe.data.workers,
        rank=trainer.accelerator.process_index,
        world=trainer.accelerator.num_processes,
        run=recipe.data.run,
    )
    trainer.batches = batches
    peak = optimizer.param_groups[0]["peak_lr"]
    trainer.schedule = build.build_schedule(recipe, peak=peak, steps=batches.steps)
    return trainer


def _fit(trainer: Trainer, run: RunFolder, listener: Listener, probe: Probe | None, recipe: PretrainRecipe) -> None:
    is_first, watch = trainer.accelerator.is_main_process, HealthWatch(trainer, recipe.train.look_steps)

    def on_row(row: dict[str, Any]) -> None:
        run.log(row)
        listener.on_row(row)
        watch.complain(row, f"epoch {row['epoch']}")

    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        listener.on_step(epoch, step, steps, loss)
        numbers = watch.look(epoch, step, steps) if is_first else {}
        if probe is not None and recipe.probe.steps and step % recipe.probe.steps == 0 and step < steps:
            numbers.update(probe(trainer.model))
        if numbers and is_first:
            row = {"epoch": epoch + 1, "step": step, "loss": loss, **numbers}
            run.log_step(row)
            listener.on_look(row)

    def on_precision(choice: PrecisionChoice) -> None:
        run.write_precision(choice.to_json())
        listener.on_precision(choice)

    evaluate = None if probe is None else _told(probe, listener)
    trainer.hooks = Hooks(on_row=on_row, on_step=on_step, evaluate=evaluate, on_precision=on_precision)
    listener.on_stage("pre-training")
    try:
        trainer.fit()
    finally:
        run.close()


def _told(probe: Probe, listener: Listener) -> Callable[[nn.Module], Mapping[str, float]]:
    def look(model: nn.Module) -> Mapping[str, float]:
        listener.on_stage("probing")
        return probe(model)

    return look
