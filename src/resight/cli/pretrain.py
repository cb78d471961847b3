"""`resight pretrain`: unlabelled images in, a backbone out."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from resight.cli.console import is_first_process, note, out, print_json
from resight.cli.runs import resumable, run_folder

Method = Literal["dino", "mocov2", "mocov3", "moby"]
_PROBED = {"knn_accuracy": "k-NN accuracy of the probe:", "probe_map": "mAP of the probe:"}


def pretrain(
    recipe: Annotated[
        str | None, typer.Argument(help="Name of a recipe (see `resight recipes pre-training`) or a .yaml file.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as many as you like.", show_default=False)
    ] = None,
    pool: Annotated[
        Path | None,
        typer.Option("--pool", "-p", help="Shards, LMDB, tars, folder of images, or manifest (data.source)."),
    ] = None,
    method: Annotated[
        Method | None, typer.Option("--method", "-m", help="Without a recipe: that method on a small net.")
    ] = None,
    probe: Annotated[
        Path | None, typer.Option(help="Labelled manifest to look at the backbone with (probe.source).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder.", show_default="runs/RECIPE")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Pre-train a backbone on images without labels: DINO, MoCo v2, MoCo v3 or MoBY.

    Example: resight pretrain luperson_dino_vit_small --pool LUPerson-shards

    Example: resight pretrain --method dino --pool crops train.epochs=10

    Start from the result with: resight train RECIPE --init RUN

    Several GPUs: torchrun --nproc-per-node 8 -m resight.cli.main pretrain ...
    """
    from resight.cli.listen import training_display
    from resight.recipes import PretrainRecipe, load_recipe, update
    from resight.recipes.pretrain_run import pretrain as run

    name, words = _chosen(recipe, method, list(overrides or []))
    settings = load_recipe(name, words, schema=PretrainRecipe)
    changes: dict[str, Any] = {}
    if pool is not None:
        changes["data"] = {"source": pool}
    if probe is not None:
        changes["probe"] = {"source": probe}
    settings = update(settings, changes)
    folder = run_folder(name, output, resume=resume)
    with resumable(folder), training_display(settings.train.epochs, name="pre-training") as listener:
        outcome = run(settings, folder, resume=resume, listener=listener)
    if not is_first_process():
        return
    note(f"what it saw first: {outcome.folder.crops}")
    last = outcome.rows[-1] if outcome.rows else {}
    if json:
        print_json({"run": folder, "backbone": outcome.folder.backbone, "last_epoch": last, "probe": outcome.probe})
    else:
        out.print(f"backbone: {outcome.folder.backbone}", soft_wrap=True)
        for name, value in (outcome.probe or {}).items():
            out.print(f"{_PROBED.get(name, name)} {value:.1%}")
        note(f"fine-tune it with: resight train RECIPE --init {folder}")


def _chosen(recipe: str | None, method: Method | None, overrides: list[str]) -> tuple[str, list[str]]:
    """Name of the recipe, and overrides; with --method what stands in the recipe's place may be an override."""
    from resight.errors import RecipeError

    if method is not None and recipe is not None and "=" in recipe:
        overrides.insert(0, recipe)
        recipe = None
    if recipe is not None and method is not None:
        raise RecipeError("give a recipe or --method, not both; a recipe has its method")
    if recipe is None and method is None:
        raise RecipeError("say what to run: a recipe (`resight recipes pre-training` lists them), or --method dino")
    return (recipe or f"small_{method}"), overrides
