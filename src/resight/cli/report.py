"""`resight report`: finished runs in, one page about them out."""

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.console import note, print_json


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that `resight evaluate` wrote.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The page.", show_default="RUN/report.html or comparison.html"),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.", show_default="the recipe's title")] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Also draw every figure here, as PNG and as SVG.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print every number as JSON.")] = False,
) -> None:
    """Make the page about a run again, or one page that compares several with the first.

    No model is needed: a run keeps the numbers of its pictures in figures.json, the images are read where they were.

    Example: resight report runs/baseline runs/transreid -o ablation.html
    """
    from resight.errors import DataError, MissingExtraError
    from resight.recipes.stored import environment_of, read_results, title_of
    from resight.report import write_page
    from resight.report.comparison import numbers

    page = output or (runs[0] / "report.html" if len(runs) == 1 else Path("comparison.html"))
    if page.is_dir():
        raise DataError(f"--output: expected an HTML file, but {page} is a folder; try {page / 'report.html'}")
    if figures is not None and figures.exists() and not figures.is_dir():
        raise DataError(f"--figures: expected a folder, but {figures} is a file")
    results = read_results(runs)
    heading = title or (title_of(runs[0]) if len(runs) == 1 else "Comparison of runs")
    about = environment_of(runs[0]) if len(runs) == 1 else None
    try:
        note(f"page: {write_page(page, results, title=heading, about=about)}")
    except MissingExtraError:
        if not json:
            raise
        note("no page: it needs jinja2; install it with: pip install 'resight[report]'")
    if figures is not None:
        from resight.report.drawings import write_figures

        num_figures = len(write_figures(figures, results)) // 2
        note(f"figures: {num_figures} in {figures}, each as PNG and SVG")
    if json:
        print_json(numbers(results))
