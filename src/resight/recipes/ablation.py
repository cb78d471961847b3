"""The papers' ablation on the synthetic people: the four rows, one after the other, and a page about them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from resight.data.synthetic import write_market1501_layout
from resight.recipes.evaluation_set import Listener
from resight.recipes.pages import write_runs_page
from resight.recipes.resolve import load_recipe, merge, parse_overrides, update
from resight.recipes.run import Outcome, train

ROWS: Mapping[str, str] = {
    "baseline": "demo_baseline",
    "+ JPM": "demo_jpm",
    "+ SIE": "demo_sie",
    "TransReID": "demo_transreid",
}

Display = Callable[[int, str], AbstractContextManager[Listener]]


def render_people(
    folder: Path, *, train_ids: int, test_ids: int, seed: int, on_progress: Callable[[int, int], None]
) -> Path:
    """The synthetic set, in Market-1501's layout; done at once where the same set is there already."""
    return write_market1501_layout(
        folder,
        train_ids=train_ids,
        test_ids=test_ids,
        cameras=6,
        images_per_camera=4,
        image_size=(128, 64),
        seed=seed,
        progress=on_progress,
    )


def run_ablation(people: Path, folder: Path, *, overrides: list[str], display: Display) -> dict[str, Outcome]:
    """Trains and evaluates the four rows.

    Args:
        people: the synthetic set.
        folder: gets a run folder for each row; a finished or half-finished run of the same settings is continued.
        overrides: `section.key=value`, for all four.
        display: (epochs, name) -> a context with the listener of one run.
    """
    outcomes = {}
    for name, recipe_name in ROWS.items():
        recipe = update(load_recipe(recipe_name), merge(parse_overrides(overrides), {"data": {"source": people}}))
        with display(recipe.train.epochs, name) as listener:
            outcomes[name] = train(recipe, folder / recipe_name, resume=True, listener=listener)
    return outcomes


def write_ablation_page(folder: Path, outcomes: Mapping[str, Outcome]) -> Path:
    """`index.html` in the folder."""
    return write_runs_page(
        folder / "index.html",
        outcomes,
        title="resight demo: the TransReID ablation on synthetic people",
        description=(
            "Rendered people, each seen by several of six cameras with a colour cast, exposure, viewpoint, blur and "
            "background of their own, partly hidden by other things. The same small vision transformer was trained "
            "four times from scratch: alone, with the jigsaw patch module (JPM), with camera side information (SIE), "
            "and with both, which is TransReID. The identities of the test were never seen in training."
        ),
    )
