"""Query and gallery rows, how they are evaluated, and whom to tell meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resight.data.manifest import Manifest
from resight.evaluation import Report, average_reports, evaluate
from resight.inference import Embedder
from resight.recipes.schema import DataSection, EvaluateSection


@dataclass(frozen=True)
class Listener:
    """Whom to tell while a recipe runs; a progress bar listens here.

    on_step: (epoch, step, steps of the epoch, mean loss). on_row: a finished epoch. on_stage: what happens next.
    on_embed: (images done, images in all).
    """

    on_step: Callable[[int, int, int, float], None] = field(default=lambda epoch, step, steps, loss: None)
    on_row: Callable[[dict[str, Any]], None] = field(default=lambda row: None)
    on_stage: Callable[[str], None] = field(default=lambda stage: None)
    on_embed: Callable[[int, int], None] = field(default=lambda done, total: None)


@dataclass(frozen=True)
class EvaluationSet:
    """Query and gallery rows of a manifest, and how they are evaluated."""

    query: Manifest
    gallery: Manifest
    section: EvaluateSection
    both_directions: bool

    @classmethod
    def of(cls, manifest: Manifest, section: EvaluateSection, data: DataSection) -> "EvaluationSet | None":
        """None where the manifest has neither a query nor a gallery row.

        Raises:
            DataError: if it has only one of the two.
        """
        if not {"query", "gallery"} & set(manifest.column("split")):
            return None
        return cls(manifest.split("query"), manifest.split("gallery"), section, data.both_directions)

    def embed(self, embedder: Embedder, listener: Listener) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the query and of the gallery rows."""
        total = len(self.query) + len(self.gallery)

        def embed(part: Manifest, done_before: int) -> np.ndarray:
            return embedder.embed(
                part,
                batch_size=self.section.batch_size,
                flip=self.section.flip,
                progress=lambda done, _: listener.on_embed(done_before + done, total),
            )

        return embed(self.query, 0), embed(self.gallery, len(self.query))

    def report(self, query: np.ndarray, gallery: np.ndarray) -> Report:
        """The metrics of embeddings; the mean of both directions where the data asks for it."""
        forward = self._evaluate(query, self.query, gallery, self.gallery)
        if not self.both_directions:
            return forward
        return average_reports([forward, self._evaluate(gallery, self.gallery, query, self.query)])

    def _evaluate(self, vectors: np.ndarray, query: Manifest, candidates: np.ndarray, gallery: Manifest) -> Report:
        return evaluate(
            vectors,
            query,
            candidates,
            gallery,
            metric=self.section.metric,
            cross_camera=self.section.cross_camera,
            max_rank=self.section.max_rank,
        )


def report_numbers(report: Report) -> dict[str, float]:
    """The headline numbers, as fractions, under the names that logs and cards use."""
    numbers = {"mean_ap": report.mean_ap, "mean_inp": report.mean_inp}
    numbers.update({f"rank_{k}": report.rank(k) for k in (1, 5, 10) if k <= len(report.cmc)})
    return numbers
