"""The proxies of a filter: one net pre-trained on the pool, and for the target the same net trained on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool, Pool, open_pool
from resight.errors import DataError
from resight.filtering.exchange import Exchange
from resight.filtering.layout import TARGET
from resight.recipes.evaluation_set import Listener
from resight.recipes.filter_request import FilterRequest
from resight.recipes.pretrain_run import pretrain
from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.resolve import update
from resight.train import RunFolder

Display = Callable[[str, int], AbstractContextManager[Listener]]
"""From what is trained and its epochs to whom to tell."""


def read_target(path: Path) -> Manifest:
    """The images of a target: the training rows where there are any, so that a test set stays unseen; else all.

    Raises:
        DataError: if they cannot be read.
    """
    manifest = open_pool(path).manifest()
    return manifest.split("train") if (manifest.codes("split", ["train"]) == 0).any() else manifest


def write_targets(request: FilterRequest, folder: Path) -> None:
    """Writes the targets' images: all in `target.parquet`, and where each has its own proxy, those of each."""
    if not request.targets:
        return
    manifests = [_images(read_target(path), number) for number, path in enumerate(request.targets)]
    union = Manifest.concat(manifests)
    union.require_valid()
    union.write(folder / TARGET)
    paths = target_files(request, folder)
    if paths != [folder / TARGET]:
        for manifest, path in zip(manifests, paths, strict=True):
            manifest.write(path)


def target_files(request: FilterRequest, folder: Path) -> list[Path]:
    """What each target proxy is trained on."""
    if request.combine == "union" or len(request.targets) == 1:
        return [folder / TARGET]
    return [folder / f"target-{number + 1}.parquet" for number in range(len(request.targets))]


def target_runs(request: FilterRequest, folder: Path) -> list[Path]:
    """Where the target proxies are: given ones, or the runs that are trained here."""
    if request.target_proxies:
        return list(request.target_proxies)
    return [path.with_suffix("") for path in target_files(request, folder)]


def train_proxies(
    request: FilterRequest, folder: Path, *, resume: bool, exchange: Exchange, display: Display
) -> tuple[Path, list[Path]]:
    """Trains what is not given and not finished.

    Args:
        request: what is asked.
        folder: of the filter; its targets are written.
        resume: go on with runs that were begun.
        exchange: with the other processes; they train together.
        display: whom to tell.

    Returns:
        The source proxy, and the target proxies.

    Raises:
        ResightError: as `resight.recipes.pretrain_run.pretrain` does.
    """
    source = request.source or folder / "source"
    if request.source is None:
        recipe = update(request.recipe, {"data": {"source": request.pool}})
        _train(recipe, source, "source proxy", resume=resume, exchange=exchange, display=display)
    runs = target_runs(request, folder)
    if not request.target_proxies:
        for run, images in zip(runs, target_files(request, folder), strict=True):
            changes = {"data": {"source": images}, "model": {"weights": source}}
            recipe = update(request.target_recipe, changes)
            name = "target proxy" if len(runs) == 1 else f"proxy of {run.name}"
            _train(recipe, run, name, resume=resume, exchange=exchange, display=display)
    return source, runs


def require_enough_images(request: FilterRequest, pool: Pool, targets: Sequence[Manifest], exchange: Exchange) -> None:
    """Says before hours of training that a later part of it has too few images for a batch.

    Raises:
        DataError: if so.
    """
    trained: list[tuple[str, int, PretrainRecipe]] = []
    if request.source is None:
        trained.append(("the pool", len(pool), request.recipe))
    if not request.target_proxies:
        together = [("the target", sum(map(len, targets)))] if request.combine == "union" else []
        each = [(f"target {number + 1}", len(target)) for number, target in enumerate(targets)]
        trained += [(name, count, request.target_recipe) for name, count in together or each]
    for name, count, recipe in trained:
        step = recipe.data.batch_size * exchange.world
        if count < step:
            where = "data.batch_size=N" if name == "the pool" else "--target-set data.batch_size=N"
            raise DataError(
                f"{name} has {count:,} images, but a step of training takes {step:,}; lower it with {where}"
            )


def _images(manifest: Manifest, number: int) -> Manifest:
    """Rows of a target, for a manifest of several: split and identities of one say nothing in another."""
    names = [name for name in (IMAGE, *BOX_COLUMNS) if name in manifest.table.column_names]
    images = Manifest(manifest.table.select(names), manifest.root)
    return images.with_column("target", pa.array([number + 1] * len(images), pa.int32()))


def _train(recipe: PretrainRecipe, run: Path, name: str, *, resume: bool, exchange: Exchange, display: Display) -> None:
    has_begun, is_done = exchange.gather((RunFolder(run).recipe.is_file(), RunFolder(run).backbone.is_file()))[0]
    if is_done:
        return
    with display(name, recipe.train.epochs) as listener:
        pretrain(recipe, run, resume=resume and has_begun, listener=listener)


def target_pool(folder: Path) -> ManifestPool:
    """All images of the targets."""
    return ManifestPool(Manifest.read(folder / TARGET))
