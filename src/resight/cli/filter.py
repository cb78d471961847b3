"""`resight filter`: of a pool of unlabelled images those that suit a target."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from resight.cli import filter_options as options
from resight.cli.console import is_first_process, note, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from resight.data.pool import Pool
    from resight.filtering.overlap import Overlap
    from resight.filtering.score_file import ScoreFile
    from resight.recipes.filter_keep import Choice, Kept
    from resight.recipes.filter_request import FilterRequest


def filter_pool(
    context: typer.Context,
    overrides: options.Overrides = None,
    pool: options.Pool = None,
    target: options.Target = None,
    scores: options.Scores = None,
    listed: options.Listed = None,
    keep: options.Keep = "0.5",
    by: options.By = None,
    proxy: options.Proxy = None,
    target_set: options.TargetSet = None,
    source: options.Source = None,
    target_proxy: options.TargetProxy = None,
    combine: options.Combine = "union",
    min_width: options.MinWidth = None,
    min_height: options.MinHeight = None,
    aspect: options.Aspect = None,
    min_sharpness: options.MinSharpness = None,
    near_duplicates: options.NearDuplicates = None,
    batch_size: options.BatchSize = 64,
    workers: options.Workers = None,
    precision: options.Precision = "auto",
    output: options.Output = Path("filtered"),
    shards: options.Shards = None,
    cfs_list: options.CfsList = None,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Keep the images of a pool that suit a target, by the catastrophic forgetting score (CFS).

    Example: resight filter --pool crops --target market1501.csv --keep 0.5 -o filtered

    Example: resight filter --scores filtered/scores.parquet --keep 0.6 -o filtered60

    Pre-train on the result with: resight pretrain RECIPE --pool filtered/kept.parquet

    Several GPUs: torchrun --nproc-per-node 8 -m resight.cli.main filter ...
    """
    from resight.filtering.exchange import Exchange
    from resight.filtering.published_list import LISTED
    from resight.inference import join_processes
    from resight.recipes.filter_keep import Choice, choose
    from resight.recipes.filter_output import claim_choice, require_free, write_kept

    share = options.parse_keep(keep)
    limits = options.limits_of(min_width, min_height, aspect, min_sharpness)
    names = tuple(name.strip() for name in by.split(",")) if by else ()
    options.require_list_name(cfs_list)
    require_free(cfs_list, shards, output, again=resume)
    join_processes()
    if scores is not None:
        options.refuse_beside("--scores", context, "pool", "listed", *options.OF_SCORING)
        found = _earlier(scores, has_list=cfs_list is not None)
        claim_choice(output, found)
    elif listed is not None:
        options.refuse_beside("--list", context, *options.OF_SCORING)
        claim_choice(output, None)
        found = _published(pool, listed, output, Choice(share, names or (LISTED,), limits, near_duplicates))
    else:
        request = options.request_of(
            pool,
            target,
            overrides,
            target_set,
            proxy=proxy,
            source=source,
            target_proxies=target_proxy,
            combine=combine,
            settings=options.pass_settings(batch_size, workers, precision),
        )
        options.require_names(names, request.columns)
        look_at = partial(options.require_pool, keep=share, has_list=cfs_list is not None)
        found = _scored(request, output, resume, look_at)
    choice = Choice(share, names or found.columns[:1], limits, near_duplicates)
    kept = choose(found, choice, Exchange.of_processes())
    if is_first_process():
        output.mkdir(parents=True, exist_ok=True)
        written = {"scores": found.path, "kept": write_kept(found, kept, output)}
        written |= _page(found, choice, kept, output)
        written |= _more(found, kept, written["kept"], shards, cfs_list, workers)
        _tell(found, choice, kept, written, json)


def _earlier(scores: Path, *, has_list: bool) -> "ScoreFile":
    from resight.filtering.layout import SCORES
    from resight.filtering.list_names import names_of_scores
    from resight.filtering.score_file import ScoreFile

    found = ScoreFile(scores / SCORES if scores.is_dir() else scores)
    if has_list:
        names_of_scores(found)  # what cannot be listed is said here
    return found


def _published(pool: Path | None, listed: Path, output: Path, choice: "Choice") -> "ScoreFile":
    """Scores from a list; what the choice lacks is said before they are written."""
    from resight.data.pool import open_pool
    from resight.filtering.exchange import Exchange
    from resight.filtering.layout import SCORES
    from resight.filtering.published_list import score_by_list
    from resight.filtering.score_file import ScoreFile

    if pool is None:
        raise typer.BadParameter("--list needs the pool that it is about: --pool")
    images, exchange = open_pool(pool), Exchange.of_processes()
    options.require_in_list(choice, len(images))
    exchange.wait()  # all have looked at the folder as it was
    if exchange.is_first:
        score_by_list(images, listed, output)
    exchange.wait()
    return ScoreFile(output / SCORES)


def _scored(request: "FilterRequest", output: Path, resume: bool, look_at: "Callable[[Pool], None]") -> "ScoreFile":
    from resight.cli.listen import training_display
    from resight.cli.runs import resumable
    from resight.filtering.layout import SETTINGS
    from resight.recipes.filter_run import FilterListener, score

    listener = FilterListener(
        training=lambda name, epochs: training_display(epochs, name=name), scoring=lambda: progress_bar("scoring")
    )
    with resumable(output, SETTINGS):
        return score(request, output, resume=resume, look_at=look_at, listener=listener)


def _page(scores: "ScoreFile", choice: "Choice", kept: "Kept", output: Path) -> dict[str, Path]:
    """The page, where what draws it is installed."""
    from resight.errors import MissingExtraError
    from resight.recipes.filter_page import write_page

    try:
        return {"page": write_page(scores, choice, kept, output)}
    except MissingExtraError as error:
        note(f"no page is written: {error}")
        return {}


def _more(
    scores: "ScoreFile", kept: "Kept", manifest: Path, shards: Path | None, cfs_list: Path | None, workers: int | None
) -> dict[str, Path]:
    """Shards and list, where they are asked for."""
    from resight.data.manifest import Manifest
    from resight.data.shards.pack import pack
    from resight.filtering.published_list import write_list

    written: dict[str, Path] = {}
    if shards is not None:
        with progress_bar("packing") as progress:
            pack(Manifest.read(manifest), shards, workers=workers or 1, progress=progress)
        written["shards"] = shards
    if cfs_list is not None:
        write_list(scores, kept.values, cfs_list)
        written["list"] = cfs_list
    return written


def _tell(scores: "ScoreFile", choice: "Choice", kept: "Kept", written: dict[str, Path], json: bool) -> None:
    from resight.recipes.filter_keep import numbers_of

    numbers = numbers_of(scores, choice, kept)
    if json:
        print_json({**written, **numbers})
        return
    _print_overlap(kept.choices)
    note(f"{kept.count:,} of {len(scores):,} images are kept: {written['kept']}")
    note(f"lowest {choice.name} that is kept: {numbers['cut']:.6g}; " + _refused(kept))
    if kept.count < kept.wanted:
        note(f"{kept.wanted:,} were asked for, but no more are left")
    for name in ("page", "shards", "list"):
        if name in written:
            note(f"{name}: {written[name]}")
    note(f"pre-train on them with: resight pretrain RECIPE --pool {written['kept']}")
    note(f"another share: resight filter --scores {written['scores']} --keep 0.6 -o FOLDER")


def _refused(kept: "Kept") -> str:
    return "; ".join(f"{name}: {count:,}" for name, count in kept.refused.items())


def _print_overlap(choices: "Overlap") -> None:
    """How many images each two choices have in common; on the diagonal what each keeps."""
    if len(choices.names) < 2:
        return
    rows = [[name, *choices.shared[place].tolist()] for place, name in enumerate(choices.names)]
    print_table(["kept by", *choices.names], rows, title="images in common")
