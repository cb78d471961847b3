"""`resight train`: a recipe and data in, a run folder out."""

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.console import is_first_process, note, out, print_json
from resight.cli.runs import resumable, run_folder


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe (see `resight recipes`) or a .yaml file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as many as you like.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Manifest, or folder of the recipe's format (data.source).")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option("--init", help="Start from a run, a weight file of any known kind, or `timm` (model.weights)."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder.", show_default="runs/RECIPE")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a model; leave weights, numbers, curves and a page of rank lists in the run folder.

    Example: resight train market1501_transreid --data Market-1501 model.stride=12 train.epochs=60

    Several GPUs: torchrun --nproc-per-node 4 -m resight.cli.main train ...
    """
    from resight.cli.listen import training_display
    from resight.errors import MissingExtraError
    from resight.recipes import load_recipe, update
    from resight.recipes.pages import write_run_page
    from resight.recipes.run import train as run

    settings = load_recipe(recipe, overrides or [])
    if data is not None:
        settings = update(settings, {"data": {"source": data}})
    if init is not None:
        settings = update(settings, {"model": {"weights": init}})
    folder = run_folder(recipe, output, resume=resume)
    with resumable(folder), training_display(settings.train.epochs) as listener:
        outcome = run(settings, folder, resume=resume, listener=listener)
    if not is_first_process():
        return
    note(f"model: {outcome.folder.model}")
    if outcome.report is not None:
        try:
            note(f"page: {write_run_page(outcome)}")
        except MissingExtraError as error:
            note(f"no page: {error}, then repeat the command with --resume")
    if json:
        print_json({"run": folder, "report": None if outcome.report is None else outcome.report.to_json()})
    else:
        out.print(outcome.report.summary() if outcome.report else "no query and gallery rows: trained, not evaluated")
