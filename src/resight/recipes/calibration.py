"""A stored model and labelled rows become a calibrated model."""

from dataclasses import replace
from typing import Any

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import calibrate
from resight.functional.calibration import Calibration
from resight.inference import Embedder
from resight.recipes.details import first_sides
from resight.recipes.evaluation_set import EvaluationSet, Listener, section_of
from resight.recipes.schema import DataSection


def validation_rows(manifest: Manifest, *, train_identities: bool = False) -> tuple[Manifest, int]:
    """The query and gallery rows that a calibration may learn from.

    Args:
        manifest: with query and gallery rows.
        train_identities: keep those of identities that have train rows too. A model has seen these in training, and
            parts them better than new ones.

    Returns:
        The rows, and how many were left out because their identity has train rows.

    Raises:
        DataError: if there are no query or no gallery rows, or none is left.
    """
    is_train, is_query, is_gallery = (manifest.codes("split", [name]) == 0 for name in ("train", "query", "gallery"))
    if not is_query.any() or not is_gallery.any():
        raise DataError(
            "calibration learns from query and gallery rows, and the data has none; make some of identities that the "
            "model was not trained on: resight data split DATA --test-share 1 -o SPLIT.parquet"
        )
    trained = manifest.select(is_train).identities()
    wanted = is_query | is_gallery
    kept = wanted if train_identities else wanted & (manifest.codes("pid", trained) < 0)
    if not (kept & is_query).any() or not (kept & is_gallery).any():
        raise DataError(
            f"of {is_query.sum():,} query and {is_gallery.sum():,} gallery rows none is left without those of "
            f"{len(trained):,} identities that have train rows; calibrate on others, or keep them (their distances are "
            "better than those of new identities): --train-identities"
        )
    return manifest.select(kept), int((wanted & ~kept).sum())


def calibrate_model(
    embedder: Embedder,
    rows: Manifest,
    *,
    prior: float = 0.5,
    batch_size: int = 64,
    workers: int = 0,
    listener: Listener | None = None,
) -> Calibration:
    """Embed the rows and learn what their distances say, by the protocol of the model's card.

    Connected processes share the embedding and all have to call.

    Args:
        embedder: the model.
        rows: query and gallery rows. Of a test that draws its galleries the first draw is taken.
        prior: see `resight.evaluation.calibrate`.
        batch_size: images at a time.
        workers: processes that load images.
        listener: is told how many images were embedded.

    Raises:
        DataError: if an image cannot be read, or there are no pairs of one identity or none of two.
    """
    protocol = embedder.card.protocol
    section = section_of(protocol, flip=embedder.card.flip, batch_size=batch_size)
    test = EvaluationSet.of(rows, section, DataSection(workers=workers))
    if test is None:
        raise DataError("calibration: expected query and gallery rows, came neither")
    sides: Any = first_sides(test, test.embed(embedder, listener or Listener()))
    return calibrate(*sides, metric=protocol.metric, cross_camera=protocol.cross_camera, prior=prior)


def calibrated(embedder: Embedder, calibration: Calibration) -> Embedder:
    """The same model with this calibration in its card."""
    return Embedder(embedder.model, replace(embedder.card, calibration=calibration), device=embedder.device)
