"""The options of `resight filter`, and what their texts mean."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from resight.data.pool import Pool as ImagePool
    from resight.filtering.quality import QualityLimits
    from resight.filtering.scoring import PassSettings
    from resight.recipes.filter_keep import Choice
    from resight.recipes.filter_request import FilterRequest

_PROXIES: Final = "Proxies"
_GATES: Final = "Gates: images that do not pass are not kept"
_PASS: Final = "Pass over the pool"
_OUTPUT: Final = "Output"
Paths: TypeAlias = list[Path] | None

OF_SCORING: Final = (
    "overrides",
    "target",
    "proxy",
    "target_set",
    "source",
    "target_proxy",
    "combine",
    "batch_size",
    "precision",
    "resume",
)
"""Parameters that say how to score; where scores are there already they say nothing."""

Overrides: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(help="section.key=value of the proxies' recipe, as many as you like.", show_default=False),
]
Pool: TypeAlias = Annotated[
    Path | None, typer.Option("--pool", "-p", help="Shards, LMDB, tars, folder of images, or manifest.")
]
Target: TypeAlias = Annotated[
    Paths, typer.Option("--target", "-t", help="Images that the pool is to suit; may come again.")
]
Scores: TypeAlias = Annotated[
    Path | None, typer.Option(help="Instead of pool and target: scores.parquet of an earlier filter.")
]
Listed: TypeAlias = Annotated[
    Path | None, typer.Option("--list", help="Instead of a target: a published list (CFS_list.pkl).")
]
Keep: TypeAlias = Annotated[str, typer.Option("--keep", "-k", help="Share (0.5, 50%) or number of images (2508146).")]
By: TypeAlias = Annotated[
    str | None, typer.Option(help="Score to select by; of several (cfs,nearest) the mean place.", show_default="cfs")
]
Proxy: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Recipe of both.", show_default="that of --source, or small_mocov3", rich_help_panel=_PROXIES),
]
TargetSet: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="section.key=value of the target proxy alone; may come again.", rich_help_panel=_PROXIES),
]
Source: TypeAlias = Annotated[
    Path | None, typer.Option(help="Source proxy: run or weight file.", rich_help_panel=_PROXIES)
]
TargetProxy: TypeAlias = Annotated[
    Paths, typer.Option(help="The source proxy, trained on; may come again.", rich_help_panel=_PROXIES)
]
Combine: TypeAlias = Annotated[
    Literal["union", "best"],
    typer.Option(help="Several targets: one proxy for all, or the best of their scores.", rich_help_panel=_PROXIES),
]
MinWidth: TypeAlias = Annotated[float | None, typer.Option(min=0, help="Pixels.", rich_help_panel=_GATES)]
MinHeight: TypeAlias = Annotated[float | None, typer.Option(min=0, help="Pixels.", rich_help_panel=_GATES)]
Aspect: TypeAlias = Annotated[
    str | None, typer.Option(help="Lowest and highest height / width: 1.2,4.", rich_help_panel=_GATES)
]
MinSharpness: TypeAlias = Annotated[
    float | None, typer.Option(min=0, help="Variance of the Laplacian; see the page.", rich_help_panel=_GATES)
]
NearDuplicates: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.01, max=1, help="Of two images with such a cosine (0.98) drop the lower scored.", rich_help_panel=_GATES
    ),
]
BatchSize: TypeAlias = Annotated[int, typer.Option(min=1, help="Images at a time.", rich_help_panel=_PASS)]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that decode.", show_default="as the machine has", rich_help_panel=_PASS),
]
Precision: TypeAlias = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option(help="auto: fp16 on a GPU, else fp32.", rich_help_panel=_PASS),
]
Output: TypeAlias = Annotated[Path, typer.Option("--output", "-o", help="Folder to write.", rich_help_panel=_OUTPUT)]
Shards: TypeAlias = Annotated[
    Path | None, typer.Option(help="Pack what is kept into this folder.", rich_help_panel=_OUTPUT)
]
CfsList: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="List of all images, best first (.pkl, .txt), as published.", rich_help_panel=_OUTPUT),
]
Resume: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on in the folder; nothing is done twice.", rich_help_panel=_OUTPUT)
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=_OUTPUT)]


def parse_keep(text: str) -> float | int:
    """`0.5` and `50%` are shares, `2508146` and `2,508,146` numbers of images."""
    expected = f"--keep: expected a share above 0 and at most 1 (0.5, 50%), or a number of images, came {text!r}"
    try:
        if text.endswith("%"):
            keep: float | int = float(Decimal(text[:-1]) / 100)
        else:
            keep = float(text) if "." in text or "e" in text.lower() else int(text.replace(",", ""))
    except (ValueError, ArithmeticError) as error:
        raise typer.BadParameter(expected) from error
    if not (0 < keep <= 1 if isinstance(keep, float) else keep > 0):
        raise typer.BadParameter(expected)
    return keep


def require_pool(pool: "ImagePool", keep: float | int, *, has_list: bool) -> None:
    """Looks at the pool before hours of scoring.

    Args:
        pool: of it.
        keep: share or number of images.
        has_list: whether a list of them is to be written.

    Raises:
        DataError: if it has too few images, or a list cannot name them.
    """
    from resight.filtering.list_names import names_of_pool
    from resight.filtering.selection import rows_to_keep

    rows_to_keep(keep, len(pool))
    if has_list:
        names_of_pool(pool)


def require_in_list(choice: "Choice", images: int) -> None:
    """Looks at a choice by a published list before the list is read: it brings one score and no more.

    Raises:
        BadParameter: if the choice is by anything else.
        DataError: if the pool has too few images.
    """
    from resight.filtering.published_list import LISTED
    from resight.filtering.selection import rows_to_keep

    rows_to_keep(choice.keep, images)
    require_names(choice.by, (LISTED,))
    needs = [*(choice.limits.needs if choice.limits else ()), *(["codes"] if choice.min_cosine else [])]
    if needs:
        raise typer.BadParameter(
            f"--list brings the order of the images alone, but the gates need their {', '.join(needs)}; leave the "
            "gates out, or score the pool with --target"
        )


def refuse_beside(option: str, context: typer.Context, *others: str) -> None:
    """Raises BadParameter if one of these parameters was given: it would do nothing."""
    given = [name for name in others if (origin := context.get_parameter_source(name)) and origin.name == "COMMANDLINE"]
    if given:
        spelled = {parameter.name: parameter.opts[0] for parameter in context.command.params}
        words = ", ".join("section.key=value" if name == "overrides" else spelled[name] for name in given)
        raise typer.BadParameter(f"{option} brings the scores, so nothing is scored: leave {words} out")


def require_list_name(path: Path | None) -> None:
    """Looks at the name of a list before hours of scoring."""
    from resight.filtering import published_list

    if path is not None:
        published_list.require_list_name(path)


def require_names(names: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Looks at the names of scores before hours of scoring."""
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise typer.BadParameter(f"--by: there will be no score {unknown[0]!r}; there will be {', '.join(columns)}")


def limits_of(
    min_width: float | None, min_height: float | None, aspect: str | None, min_sharpness: float | None
) -> "QualityLimits":
    """The gates of the image itself."""
    from resight.filtering.quality import QualityLimits

    edges: tuple[float, float] | None = None
    if aspect is not None:
        try:
            low, high = (float(part) for part in aspect.split(","))
        except ValueError as error:
            raise typer.BadParameter(f"--aspect: expected two numbers such as 1.2,4, came {aspect!r}") from error
        if not 0 < low <= high:
            raise typer.BadParameter(f"--aspect: expected the lower number first, both above 0, came {aspect!r}")
        edges = (low, high)
    return QualityLimits(min_width=min_width, min_height=min_height, aspect=edges, min_sharpness=min_sharpness)


def pass_settings(batch_size: int, workers: int | None, precision: str) -> "PassSettings":
    """How the pass runs on this machine."""
    import importlib.util
    import os

    import torch

    from resight.filtering.scoring import PassSettings

    has_gpu = torch.cuda.is_available()
    if workers is None:  # nets on the CPU need the processors themselves
        workers = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if has_gpu else 1
    if precision == "auto":
        precision = "fp16" if has_gpu else "fp32"
    types = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
    decoder: Literal["turbo", "pillow"] = "turbo" if importlib.util.find_spec("simplejpeg") else "pillow"
    return PassSettings(batch_size=batch_size, workers=workers, decoder=decoder, autocast=types[precision])


def request_of(
    pool: Path | None,
    targets: Paths,
    overrides: list[str] | None,
    target_set: list[str] | None,
    *,
    proxy: str | None,
    source: Path | None,
    target_proxies: Paths,
    combine: Literal["union", "best"],
    settings: "PassSettings",
) -> "FilterRequest":
    """What is asked, from the options."""
    from resight.recipes.filter_request import FilterRequest, proxy_recipe
    from resight.recipes.pretrain_schema import PretrainRecipe
    from resight.recipes.resolve import parse_overrides, update

    if pool is None:
        raise typer.BadParameter("say what to filter: --pool, or --scores of an earlier filter")
    if source is not None and target_proxies:
        _refuse_idle([*(overrides or []), *(target_set or [])], (source, *target_proxies))
    recipe = update(proxy_recipe(proxy, source), parse_overrides(overrides or [], PretrainRecipe))
    return FilterRequest(
        pool=pool,
        targets=tuple(targets or ()),
        recipe=recipe,
        target_recipe=update(recipe, parse_overrides(target_set or [], PretrainRecipe)),
        source=source,
        target_proxies=tuple(target_proxies or ()),
        combine=combine,
        settings=settings,
    )


def _refuse_idle(overrides: list[str], proxies: tuple[Path, ...]) -> None:
    """Raises BadParameter if settings of training are given, but nothing is trained; or of nets that are known."""
    from resight.recipes.filter_spaces import say_what_they_are

    used = () if say_what_they_are(proxies) else ("model", "views")
    idle = [text for text in overrides if text.partition(".")[0] not in used]
    if idle:
        raise typer.BadParameter(
            f"{', '.join(idle)} would do nothing: --source and --target-proxy bring both proxies, so nothing is "
            "trained; leave it out"
        )
