"""The mean over several random galleries that a manifest holds (VehicleID)."""

from resight.data.draws import gallery_masks
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.evaluate import Array, evaluate
from resight.evaluation.result import Report, average_reports
from resight.functional.rerank import Rerank


def evaluate_draws(
    embeddings: Array,
    test: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    max_rank: int = 50,
    rerank: Rerank | None = None,
) -> Report:
    """Evaluate each draw of the gallery, all other rows being queries, and report the mean.

    Args:
        embeddings: (N, D) real, row i belongs to row i of `test`.
        test: N rows with the column `gallery_draws`, see `resight.data.draws`.
        metric: as in `evaluate`; so are `cross_camera` and `max_rank`.
        cross_camera: as in `evaluate`.
        max_rank: as in `evaluate`.
        rerank: as in `evaluate`; each draw is re-ranked on its own.

    Returns:
        The mean over the draws; the counts are sums, see `average_reports`.

    Raises:
        DataError: if there are no draws, or as `evaluate`.
    """
    masks = gallery_masks(test)
    if not masks:
        raise DataError("evaluation: expected test rows with draws of the gallery, but some or all have none")
    return average_reports(
        [
            evaluate(
                embeddings[~mask],
                test.select(~mask),
                embeddings[mask],
                test.select(mask),
                metric=metric,
                cross_camera=cross_camera,
                max_rank=max_rank,
                rerank=rerank,
            )
            for mask in masks
        ]
    )
