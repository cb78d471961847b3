"""What is asked of a filter: where the images are, which proxies score them, and how the pass runs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from resight.errors import DataError, RecipeError
from resight.files import whole_file
from resight.filtering.layout import SETTINGS, TARGET
from resight.filtering.nearest import NEAREST
from resight.filtering.quality import ImageQuality
from resight.filtering.score import forgetting_columns
from resight.filtering.scoring import PassSettings
from resight.folder_lock import LOCK
from resight.recipes.pretrain_build import dump_pretrain_recipe
from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.resolve import load_recipe, update
from resight.train import RunFolder

DEFAULT = "small_mocov3"
Combine = Literal["union", "best"]


@dataclass(frozen=True)
class FilterRequest:
    """How to score a pool.

    pool: what `resight.data.pool.open_pool` opens. targets: sets of images that the pool is to suit, likewise; of a
    manifest with training rows these alone. recipe: of the source proxy, and of files that do not say what they are.
    target_recipe: of the target proxies. source: run or weight file; None: trained here, on the pool. target_proxies:
    one for all targets, or with `best` one for each; empty: trained here, from the source. combine: of several
    targets `union` makes one, `best` scores an image by the one that it suits best. settings: of the pass.
    """

    pool: Path
    targets: tuple[Path, ...]
    recipe: PretrainRecipe
    target_recipe: PretrainRecipe
    source: Path | None = None
    target_proxies: tuple[Path, ...] = ()
    combine: Combine = "union"
    settings: PassSettings = field(default_factory=PassSettings)

    def require_sound(self) -> None:
        """Raises RecipeError if the parts do not go together."""
        if self.target_proxies and self.source is None:
            raise RecipeError("a target proxy goes on from a source proxy: give --source with --target-proxy")
        if not (self.targets or self.target_proxies):
            raise RecipeError("say what the pool is to suit: --target, or proxies by --source and --target-proxy")
        each = self.combine == "best"
        if len(self.target_proxies) > 1 and not each:
            raise RecipeError(
                f"expected one target proxy for all targets, came {len(self.target_proxies)}; or --combine best"
            )
        if each and self.targets and self.target_proxies and len(self.target_proxies) != len(self.targets):
            raise RecipeError(
                f"expected a target proxy for each of {len(self.targets)} targets, came {len(self.target_proxies)}"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the scores that come out."""
        each = self.combine == "best"
        proxies = len(self.target_proxies) or (len(self.targets) if each else 1)
        return (*forgetting_columns(proxies), *ImageQuality.columns, *((NEAREST,) if self.targets else ()))

    def content(self) -> dict[str, Any]:
        """What the scores depend on, as plain values."""
        recipes = {"recipe": self.recipe, "target_recipe": self.target_recipe}
        trained = {name: dump_pretrain_recipe(recipe) for name, recipe in recipes.items()}
        for recipe in trained.values():
            for key in ("source", "workers", "run", "decoder"):
                recipe["data"].pop(key)
            recipe["probe"] = recipe["title"] = None
        return {
            "pool": str(self.pool.expanduser().absolute()),
            "targets": [str(path.expanduser().absolute()) for path in self.targets],
            "source": None if self.source is None else str(self.source.expanduser().absolute()),
            "target_proxies": [str(path.expanduser().absolute()) for path in self.target_proxies],
            "combine": self.combine,
            **trained,
        }


def proxy_recipe(name: str | None, source: Path | None) -> PretrainRecipe:
    """The recipe of the proxies: the named one, else that of the source run, else a small net's.

    Raises:
        RecipeError: if there is no such recipe of pre-training.
    """
    if name is not None:
        return load_recipe(name, schema=PretrainRecipe)
    run = None if source is None else RunFolder(source.expanduser())
    if run is None or not (run.recipe.is_file() and run.backbone.is_file()):
        return load_recipe(DEFAULT, schema=PretrainRecipe)
    recipe = load_recipe(str(run.recipe), schema=PretrainRecipe)
    return update(recipe, {"data": {"source": None}, "probe": {"source": None}, "model": {"weights": None}})


def claim_folder(folder: Path, content: dict[str, Any], *, resume: bool) -> None:
    """Writes `filter.json` to a new or empty folder, or finds that of the same request there.

    Raises:
        DataError: if the folder has something in it (and is not to be gone on with), or was begun with something else,
            or an image list of the request lies in it.
    """
    path = folder / SETTINGS
    for source in (content["pool"], *content["targets"]):
        if Path(source).resolve().parent == folder.resolve():
            raise DataError(f"{source} lies in {folder}, where the filter writes; choose another folder")
    if resume:
        if not path.is_file():
            raise DataError(f"there is no filtering in {folder} to go on with; check --output, or leave --resume out")
        found = _read_settings(path)
        changed = sorted(key for key, value in json.loads(json.dumps(content)).items() if found.get(key) != value)
        if changed:
            raise DataError(
                f"{folder} was begun with another {', another '.join(changed)}; repeat its command with --resume, or "
                "choose another folder"
            )
        return
    if folder.exists() and any(_is_work(entry, begun=path.is_file()) for entry in folder.iterdir()):
        advice = ", or go on with --resume" if path.is_file() else ""
        raise DataError(f"{folder} is not empty; choose another folder{advice}")
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} cannot be read ({error}); choose another folder") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected what `resight filter` writes, came other JSON; choose another folder")
    return found


def _is_work(entry: Path, *, begun: bool) -> bool:
    """Whether it is more than what a filter writes before its first run or block."""
    is_target = entry.name.startswith(Path(TARGET).stem) and entry.suffix == Path(TARGET).suffix
    return not ((is_target and begun) or entry.name in (SETTINGS, LOCK) or entry.name.endswith(".tmp"))
