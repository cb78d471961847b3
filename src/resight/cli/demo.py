"""`resight demo`: from nothing to four trained models and a page about them."""

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.console import note, out, print_json, print_table, progress_bar


def demo(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value for all four runs.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for data, runs and page.")] = Path("demo"),
    train_ids: Annotated[int, typer.Option(min=16, help="Identities to train on.")] = 160,
    test_ids: Annotated[int, typer.Option(min=2, help="Identities to test on.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of the rendered people; training has train.seed.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Render people, train the four rows of the TransReID ablation on them, and show what they learned.

    Example: resight demo -o demo

    A second call goes on where the first was stopped.
    """
    from resight.cli.listen import training_display
    from resight.errors import MissingExtraError
    from resight.recipes.ablation import render_people, run_ablation, write_ablation_page

    with progress_bar("rendering people") as on_progress:
        people = render_people(
            output / "people", train_ids=train_ids, test_ids=test_ids, seed=seed, on_progress=on_progress
        )
    outcomes = run_ablation(people, output / "runs", overrides=overrides or [], display=training_display)
    try:
        page = write_ablation_page(output, outcomes)
        note(f"page: {page}")
    except MissingExtraError as error:
        page = None
        note(f"no page: {error}, then repeat the command")
    rows = {name: outcome.numbers() for name, outcome in outcomes.items()}
    if json:
        print_json({"page": page, "rows": rows})
        return
    columns = ["", "mAP", "Rank-1", "Rank-5", "Rank-10", "mINP", "images/s", "parameters"]
    shares = ("mean_ap", "rank_1", "rank_5", "rank_10", "mean_inp")
    table = [
        [
            name,
            *(f"{values[share]:.1%}" if share in values else "-" for share in shares),
            f"{values['images_per_second']:.0f}",
            f"{values['parameters']:,.0f}",
        ]
        for name, values in rows.items()
    ]
    print_table(columns, table)
    chance = next(iter(rows.values()))["chance_mean_ap"]
    out.print(f"mAP of a random order (chance): {chance:.1%}")
