"""Scores a pool: proxies are trained where they are not given, then one pass goes over the images."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from resight.data.pool import Pool, open_pool
from resight.data.validation import Progress
from resight.errors import DataError, ModelFormatError
from resight.filtering.codes import CodeWriter
from resight.filtering.exchange import Exchange
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.layout import CODES, TARGET
from resight.filtering.nearest import NearestTarget, target_features
from resight.filtering.quality import ImageQuality
from resight.filtering.score import CFS, ForgettingScorer
from resight.filtering.score_file import ScoreFile
from resight.filtering.scorer import Scorer
from resight.filtering.scoring import PassSettings, finished_scores, score_pool
from resight.folder_lock import hold_folder
from resight.inference import join_processes
from resight.recipes import pretrain_build as build
from resight.recipes.evaluation_set import Listener
from resight.recipes.filter_proxies import (
    Display,
    read_target,
    require_enough_images,
    target_files,
    target_pool,
    train_proxies,
    write_targets,
)
from resight.recipes.filter_request import FilterRequest, claim_folder
from resight.recipes.filter_spaces import is_fine_tuned, open_space


@dataclass(frozen=True)
class FilterListener:
    """Whom to tell. training: for each proxy that is trained. scoring: for the pass, (images done, images in all)."""

    training: Display = field(default=lambda name, epochs: nullcontext(Listener()))
    scoring: Callable[[], AbstractContextManager[Progress]] = field(
        default=lambda: nullcontext(lambda done, total: None)
    )


def score(
    request: FilterRequest,
    folder: Path,
    *,
    resume: bool = False,
    look_at: Callable[[Pool], None] = lambda pool: None,
    listener: FilterListener | None = None,
) -> ScoreFile:
    """Scores of every image of the pool; see `resight.filtering.layout` for what is written.

    Args:
        request: what is asked.
        folder: new or empty, unless it is gone on with.
        resume: go on with what is there: finished proxies are not trained again, scored images not scored again.
        look_at: called with the pool before anything is trained; what it raises ends the call.
        listener: whom to tell.

    Raises:
        ResightError: if pool, targets, proxies or folder cannot be used, or training fails.
    """
    listener = listener or FilterListener()
    request.require_sound()
    join_processes()
    exchange = Exchange.of_processes()
    pool = open_pool(request.pool)
    look_at(pool)
    for recipe in (request.recipe, request.target_recipe):
        build.build_views(recipe.views)  # what cannot be built is said here
    require_enough_images(request, pool, [read_target(path) for path in request.targets], exchange)
    given = _given_proxies(request)
    with hold_folder(folder, "filtering", DataError) if exchange.is_first else nullcontext():
        if exchange.is_first:
            claim_folder(folder, request.content(), resume=resume)
            files = [folder / TARGET, *target_files(request, folder)] if request.targets else []
            if not resume or not all(file.is_file() for file in files):
                write_targets(request, folder)
        exchange.wait()
        finished = finished_scores(pool, folder, exchange)
        if finished is not None:
            _require_same(finished, given, request.settings)
            return finished
        source, targets = train_proxies(request, folder, resume=resume, exchange=exchange, display=listener.training)
        with ExitStack() as stack:
            settings = replace(request.settings, device=_device())
            scorers = _scorers(request, folder, pool, source, targets, settings, exchange, stack)
            progress = stack.enter_context(listener.scoring())
            return score_pool(pool, scorers, folder, settings=settings, exchange=exchange, progress=progress)


def _proxies(
    request: FilterRequest, source: Path | None, targets: Sequence[Path], device: torch.device
) -> list[FeatureSpace]:
    """The source proxy, where there is one yet, and the target proxies: all by their embeddings, or none."""
    bare = not (source and targets and all(map(is_fine_tuned, (source, *targets))))
    spaces = [] if source is None else [open_space(source, "source", request.recipe, device, bare=bare)]
    for number, target in enumerate(targets):
        spaces.append(open_space(target, f"target {number + 1}", request.target_recipe, device, bare=bare))
    return spaces


@torch.inference_mode()
def _given_proxies(request: FilterRequest) -> list[FeatureSpace]:
    """The proxies that are not trained here, looked at before hours of training and a pass.

    Raises:
        ModelFormatError: if one cannot be read, or their features have different widths.
    """
    spaces = _proxies(request, request.source, request.target_proxies, torch.device("cpu"))
    widths = [space.net(torch.zeros(1, 3, *space.transform.image_size)).shape[1] for space in spaces]
    if len(set(widths)) > 1:
        told = ", ".join(f"{space.name} {width}" for space, width in zip(spaces, widths, strict=True))
        raise ModelFormatError(f"expected proxies whose features have one width, came {told}; take nets of one kind")
    return spaces


def _require_same(scores: ScoreFile, given: Sequence[FeatureSpace], settings: PassSettings) -> None:
    """That finished scores are what the request would give again.

    Raises:
        DataError: if they were made by other proxies or settings.
    """
    changed = [name for name, value in settings.about().items() if scores.about[name] != value]
    spaces = next(scorer for scorer in scores.about["scorers"] if scorer["scorer"] == CFS)
    by_name = {space["name"]: space["weights"] for space in (spaces["source"], *spaces["targets"])}
    changed += [f"{space.name} proxy" for space in given if by_name[space.name] != space.fingerprint]
    if changed:
        raise DataError(f"{scores.path} was made with another {', another '.join(changed)}; choose another folder")


def _scorers(
    request: FilterRequest,
    folder: Path,
    pool: Pool,
    source: Path,
    targets: Sequence[Path],
    settings: PassSettings,
    exchange: Exchange,
    stack: ExitStack,
) -> list[Scorer]:
    """All that is asked of each image. Only the proxies compute features; the others share them."""
    device = settings.device
    first, *others = _proxies(request, source, targets, device)
    scorers: list[Scorer] = [ForgettingScorer(first, others), ImageQuality()]
    if request.targets:
        scorers.append(NearestTarget(first, target_features(first, target_pool(folder), settings, exchange)))
    codes = CodeWriter(first, folder / CODES, len(pool))
    stack.callback(codes.close)
    return [*scorers, codes]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
