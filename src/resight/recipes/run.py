"""Runs a recipe: data, model, training, evaluation, and the folder that holds what came out."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from resight.data.crop_cache import open_crop_cache
from resight.data.dataset import CropDataset, SeededBatches, Vocabulary, train_loader
from resight.data.manifest import Manifest
from resight.errors import DataError, ResightError, TrainingError
from resight.evaluation import Report
from resight.folder_lock import hold_folder
from resight.inference import Embedder, ModelCard, write_model
from resight.recipes import build
from resight.recipes.evaluation_check import check_evaluation
from resight.recipes.evaluation_set import EvaluationSet, Listener, protocol_of, report_json, report_numbers
from resight.recipes.schema import TrainRecipe
from resight.train import (
    Hooks,
    PrecisionChoice,
    RunFolder,
    SupervisedTask,
    Trainer,
    create_optimizer,
    parameter_groups,
)

FREE = (
    *("title", "data.source", "data.workers", "data.cache", "evaluate"),
    *("train.save_every", "train.save_steps", "train.evaluate_every"),
)
"""What a resumed run may change, since no weight depends on it."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves. report, test and vectors (of query and gallery) are None for data without a test."""

    folder: RunFolder
    recipe: TrainRecipe
    embedder: Embedder
    report: Report | None
    test: EvaluationSet | None
    vectors: tuple[np.ndarray, np.ndarray] | None

    @property
    def num_parameters(self) -> int:
        """Parameters that training had: encoder, necks and classifiers."""
        return int(self.embedder.card.about["parameters"])

    def numbers(self) -> dict[str, float]:
        """Headline numbers, chance, speed and size."""
        if self.report is None:
            return {}
        speeds = [row["images_per_second"] for row in self.folder.rows()]
        return {
            **report_numbers(self.report),
            "chance_mean_ap": self.report.chance_mean_ap,
            "images_per_second": float(np.median(speeds)),
            "parameters": self.num_parameters,
        }


def train(recipe: TrainRecipe, folder: Path, *, resume: bool = False, listener: Listener | None = None) -> Outcome:
    """Trains a recipe to its end and stores everything in the run folder, the model before it is evaluated.

    Args:
        recipe: with a data source.
        folder: of the run; must be new, empty or of a run without a row and a checkpoint unless resumed.
        resume: go on from the folder's last checkpoint, or start where there is none yet; the recipe may differ in
            `FREE` alone.
        listener: whom to tell.

    Raises:
        ResightError: if the data, the recipe or the folder cannot be used, or the loss stops being finite.
    """
    listener = listener or Listener()
    listener.on_stage("reading the data")
    manifest = build.build_manifest(recipe)
    rows = _training_rows(manifest)
    test = EvaluationSet.of(manifest, recipe.evaluate, recipe.data)
    if test is not None:
        check_evaluation(test)
    vocabulary = build.build_vocabulary(recipe, rows)
    with torch.random.fork_rng(devices=[]):  # the model is made on the CPU
        torch.manual_seed(recipe.train.seed)
        model = build.build_model(recipe, vocabulary)
        task = build.build_task(recipe, model)
        goes_on = resume and RunFolder(folder).checkpoint.is_file()
        start = None if goes_on else build.load_start(recipe, model)
    trainer = _trainer(recipe, rows, vocabulary, task, RunFolder(folder).checkpoint)
    card = _card(recipe, vocabulary, sum(parameter.numel() for parameter in model.parameters()))

    def embedder_of(network: nn.Module) -> Embedder:
        return Embedder(network, card, device=trainer.accelerator.device)  # type: ignore[arg-type]

    def evaluate_now(network: nn.Module) -> Mapping[str, float]:
        if test is None:
            return {}
        listener.on_stage("evaluating")
        return report_numbers(test.report(*test.embed(embedder_of(network), listener)))

    with hold_folder(folder, "training", TrainingError) if trainer.accelerator.is_main_process else nullcontext():
        run = _open_folder(folder, recipe, trainer, _facts(rows, vocabulary), resume)
        if start is not None and trainer.accelerator.is_main_process:
            run.write_weights(start.to_json())
            listener.on_start(start)
        embedder = embedder_of(_fit(trainer, run, listener, evaluate_now))
        report, vectors = _finish(trainer, run, embedder, test, listener)
    return Outcome(run, recipe, embedder, report, test, vectors)


def _fit(
    trainer: Trainer, run: RunFolder, listener: Listener, evaluate: Callable[[nn.Module], Mapping[str, float]]
) -> nn.Module:
    def on_row(row: dict[str, Any]) -> None:
        run.log(row)
        listener.on_row(row)

    def on_precision(choice: PrecisionChoice) -> None:
        run.write_precision(choice.to_json())
        listener.on_precision(choice)

    trainer.hooks = Hooks(on_row=on_row, on_step=listener.on_step, evaluate=evaluate, on_precision=on_precision)
    listener.on_stage("training")
    try:
        return trainer.fit()
    finally:
        run.close()


def _finish(
    trainer: Trainer, run: RunFolder, embedder: Embedder, test: EvaluationSet | None, listener: Listener
) -> tuple[Report | None, tuple[np.ndarray, np.ndarray] | None]:
    """Stores the model, evaluates it, and stores it with its numbers; returns report and vectors."""
    is_first = trainer.accelerator.is_main_process
    if is_first:
        write_model(run.model, embedder.model, embedder.card)
    report = vectors = None
    if test is not None:
        listener.on_stage("evaluating")
        try:
            vectors = test.embed(embedder, listener)
            report = test.report(*vectors)
        except ResightError:
            _logger.warning("the evaluation failed; the trained model is in %s", run.model)
            raise
        embedder.card = replace(embedder.card, metrics=report_numbers(report))
        if is_first:
            run.write_report(report_json(report, test, vectors))
            write_model(run.model, embedder.model, embedder.card)
    trainer.accelerator.wait_for_everyone()
    return report, vectors


def _open_folder(
    folder: Path, recipe: TrainRecipe, trainer: Trainer, facts: Mapping[str, Any], resume: bool
) -> RunFolder:
    """The run folder, made by the first process alone, and the trainer in the state that is stored there."""
    run = RunFolder(folder)
    if trainer.accelerator.is_main_process:
        content, defaults = build.dump_recipe(recipe), build.dump_recipe(TrainRecipe())
        run = RunFolder.create(folder, content, defaults=defaults, data=facts, free=FREE, resume=resume)
    trainer.accelerator.wait_for_everyone()
    if resume and run.checkpoint.is_file():
        trainer.resume()
    if resume and trainer.accelerator.is_main_process:
        run.cut_rows(trainer.epoch)
    return run


def _training_rows(manifest: Manifest) -> Manifest:
    rows = manifest.split("train")
    labelled = rows.codes("pid", rows.identities()) >= 0
    if not labelled.any():
        raise DataError("no training row has an identity (pid); supervised training needs labels")
    if labelled.all():
        return rows
    missing = int((~labelled).sum())
    _logger.warning("left out of training: %d of %d rows, which have no identity (pid)", missing, len(rows))
    return rows.select(labelled)


def _facts(rows: Manifest, vocabulary: Vocabulary) -> dict[str, Any]:
    """What the sampler and the labels depend on: a resumed run needs the same."""
    names = json.dumps([vocabulary.identities, vocabulary.cameras, vocabulary.views])
    labels = rows.codes("pid", vocabulary.identities).astype("<i8")
    return {
        "rows": len(rows),
        "identities": len(vocabulary.identities),
        "labels_sha256": hashlib.sha256(names.encode() + labels.tobytes()).hexdigest(),
    }


def _trainer(
    recipe: TrainRecipe, rows: Manifest, vocabulary: Vocabulary, task: SupervisedTask, checkpoint: Path
) -> Trainer:
    optimizer = create_optimizer(
        parameter_groups(task.model.named_parameters(), build.build_group_rule(recipe)),
        recipe.optimizer.name,
        momentum=recipe.optimizer.momentum,
        betas=recipe.optimizer.betas,
    )
    trainer = Trainer(
        task,
        batches=lambda epoch, start: [],
        optimizer=optimizer,
        schedule=build.build_schedule(recipe.schedule, base_lr=recipe.optimizer.lr, epochs=recipe.train.epochs),
        settings=build.build_loop_settings(recipe),
        checkpoint=checkpoint,
    )
    rank, world_size = trainer.accelerator.process_index, trainer.accelerator.num_processes
    dataset = _training_set(recipe, rows, vocabulary)
    sampler = build.build_sampler(recipe, dataset.labels, rank=rank, world_size=world_size)

    def batches(epoch: int, start: int) -> Any:
        plan = SeededBatches(sampler.epoch(epoch), seed=recipe.train.seed, epoch=epoch, start=start, rank=rank)
        return train_loader(dataset, plan, workers=recipe.data.workers)

    trainer.batches = batches
    return trainer


def _training_set(recipe: TrainRecipe, rows: Manifest, vocabulary: Vocabulary) -> CropDataset:
    transform, decoder, cache = build.build_train_transform(recipe), recipe.data.decoder, None
    if recipe.data.cache:
        cache = open_crop_cache(rows, transform, decoder, limit=recipe.data.cache * 2**30)
    return CropDataset(rows, transform, vocabulary, decoder=decoder, cache=cache)


def _card(recipe: TrainRecipe, vocabulary: Vocabulary, parameters: int) -> ModelCard:
    return ModelCard(
        name=recipe.model.name,
        settings=build.model_settings(recipe.model, vocabulary),
        transform=build.build_eval_transform(recipe),
        cameras=vocabulary.cameras,
        views=vocabulary.views,
        flip=recipe.evaluate.flip,
        protocol=protocol_of(recipe),
        about={"recipe": recipe.title, "identities": len(vocabulary.identities), "parameters": parameters},
    )
