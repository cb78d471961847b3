"""Query and gallery rows, how they are evaluated, and whom to tell meanwhile."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from resight.data.draws import gallery_masks
from resight.data.join import COLUMN as DATASET
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import Report, average_reports, evaluate, evaluate_draws, multi_query
from resight.functional.rerank import Rerank
from resight.inference import Embedder, EvaluationProtocol, embed_in_shards
from resight.models.weights import WeightReport
from resight.recipes.schema import DataSection, EvaluateSection, TrainRecipe
from resight.train import PrecisionChoice

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listener:
    """Whom to tell while a recipe runs; a progress bar listens here.

    on_step: (epoch, step, steps of the epoch, mean loss). on_row: a finished epoch. on_stage: what happens next.
    on_embed: (images done, images in all). on_start: weights were loaded to start from. on_precision: it was measured.
    on_look: numbers inside an epoch, a row with `epoch` and `step` from 1.
    """

    on_step: Callable[[int, int, int, float], None] = field(default=lambda epoch, step, steps, loss: None)
    on_row: Callable[[dict[str, Any]], None] = field(default=lambda row: None)
    on_stage: Callable[[str], None] = field(default=lambda stage: None)
    on_embed: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_start: Callable[[WeightReport], None] = field(default=lambda report: None)
    on_precision: Callable[[PrecisionChoice], None] = field(default=lambda choice: None)
    on_look: Callable[[dict[str, Any]], None] = field(default=lambda row: None)


@dataclass(frozen=True)
class EvaluationSet:
    """Query and gallery rows of a manifest, and how they are evaluated. workers: processes that load their images."""

    query: Manifest
    gallery: Manifest
    section: EvaluateSection
    both_directions: bool
    workers: int = 0

    @classmethod
    def of(cls, manifest: Manifest, section: EvaluateSection, data: DataSection) -> "EvaluationSet | None":
        """None where the manifest has neither a query nor a gallery row.

        Raises:
            DataError: if it has only one of the two, or draws of the gallery where the data asks for both directions.
        """
        if not {"query", "gallery"} & set(manifest.column("split")):
            return None
        test = cls(manifest.split("query"), manifest.split("gallery"), section, data.both_directions, data.workers)
        if test.both_directions and gallery_masks(test.rows()):
            raise DataError(
                "the test set draws its galleries (column 'gallery_draws'); both_directions has to be off: "
                "data.both_directions=false, or evaluate --one-direction"
            )
        return test

    def rows(self) -> Manifest:
        """The query rows, then the gallery rows."""
        return Manifest.concat([self.query, self.gallery])

    def embed(self, embedder: Embedder, listener: Listener) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the query and of the gallery rows; connected processes share the work and all have to call."""
        total = len(self.query) + len(self.gallery)

        def embed(part: Manifest, done_before: int) -> np.ndarray:
            return embed_in_shards(
                embedder,
                part,
                batch_size=self.section.batch_size,
                flip=self.section.flip,
                workers=self.workers,
                progress=lambda done, _: listener.on_embed(done_before + done, total),
            )

        return embed(self.query, 0), embed(self.gallery, len(self.query))

    def check_multi_query(self) -> None:
        """Whether `merge_queries` makes sense.

        Raises:
            DataError: if the test is not across cameras, from the queries to one gallery: answers would be given away.
        """
        if not self.section.cross_camera or self.both_directions or gallery_masks(self.rows()):
            raise DataError(
                "--multi-query averages gallery rows of the query's own camera, so it needs an evaluation across "
                "cameras, in one direction and of a fixed gallery; leave it out, or pass --cross-camera --one-direction"
            )

    def merge_queries(self, query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        """Query embeddings of several images each, see `resight.evaluation.multi_query`."""
        merged: np.ndarray = multi_query(query, self.query, gallery, self.gallery).numpy()
        return merged

    def report(self, query: np.ndarray, gallery: np.ndarray) -> Report:
        """The metrics of embeddings; the mean of the draws or of both directions where the data asks for it."""
        rows = self.rows()
        if gallery_masks(rows):
            return evaluate_draws(
                np.concatenate([query, gallery]),
                rows,
                metric=self.section.metric,
                cross_camera=self.section.cross_camera,
                max_rank=self.section.max_rank,
                rerank=rerank_of(self.section),
            )
        forward = self._evaluate(query, self.query, gallery, self.gallery)
        if not self.both_directions:
            return forward
        return average_reports([forward, self._evaluate(gallery, self.gallery, query, self.query)])

    def reports_by_dataset(self, query: np.ndarray, gallery: np.ndarray) -> dict[str, Report]:
        """The report of each set of a joined test (column `dataset`) alone; empty where there is one set only.

        Left out, with a log line, is a set that cannot be evaluated alone, such as one of distractors.
        """
        rows = self.rows().table
        values = rows.column(DATASET).unique().to_pylist() if DATASET in rows.column_names else []
        names = sorted(value for value in values if isinstance(value, str))
        reports = {}
        for name in names if len(names) > 1 else []:
            masks = [part.codes(DATASET, [name]) == 0 for part in (self.query, self.gallery)]
            test = replace(self, query=self.query.select(masks[0]), gallery=self.gallery.select(masks[1]))
            try:
                reports[name] = test.report(query[masks[0]], gallery[masks[1]])
            except DataError as error:
                _logger.warning("the data set %s is not evaluated alone: %s", name, error)
        return reports

    def _evaluate(self, vectors: np.ndarray, query: Manifest, candidates: np.ndarray, gallery: Manifest) -> Report:
        return evaluate(
            vectors,
            query,
            candidates,
            gallery,
            metric=self.section.metric,
            cross_camera=self.section.cross_camera,
            max_rank=self.section.max_rank,
            rerank=rerank_of(self.section),
        )


def protocol_of(recipe: TrainRecipe) -> EvaluationProtocol:
    """What a model card keeps of a recipe's evaluation."""
    section = recipe.evaluate
    return EvaluationProtocol(
        metric=section.metric,
        cross_camera=section.cross_camera,
        both_directions=recipe.data.both_directions,
        max_rank=section.max_rank,
        rerank=rerank_of(section),
    )


def rerank_of(section: EvaluateSection) -> Rerank | None:
    """The settings of the re-ranking, if there is any."""
    return None if section.rerank is None else Rerank(**section.rerank.model_dump())


def section_of(protocol: EvaluationProtocol, *, flip: bool, batch_size: int) -> EvaluateSection:
    """The section of a recipe that evaluates so.

    Raises:
        DataError: if the protocol, which is a card's, has an impossible value.
    """
    values = asdict(protocol)
    del values["both_directions"]  # the section of the data has it
    try:
        return EvaluateSection.model_validate({**values, "flip": flip, "batch_size": batch_size})
    except ValidationError as error:
        problem = error.errors()[0]
        raise DataError(
            f"the model's card has an impossible protocol: {problem['loc'][0]}: {problem['msg']}"
        ) from error


def report_json(report: Report, test: EvaluationSet, vectors: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """The report as plain values; with those of each set under `datasets` where the test is a joined one."""
    parts = {name: part.to_json() for name, part in test.reports_by_dataset(*vectors).items()}
    return {**report.to_json(), **({"datasets": parts} if parts else {})}


def report_numbers(report: Report) -> dict[str, float]:
    """The headline numbers, as fractions, under the names that logs and cards use."""
    numbers = {"mean_ap": report.mean_ap, "mean_inp": report.mean_inp}
    numbers.update({f"rank_{k}": report.rank(k) for k in (1, 5, 10) if k <= len(report.cmc)})
    return numbers
