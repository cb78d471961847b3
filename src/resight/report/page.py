"""One self-contained HTML page about a set of runs: no network, no other file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from resight.environment import environment
from resight.errors import DataError
from resight.files import whole_file
from resight.report.comparison import may_be_same_test
from resight.report.rendering import template_text, templates
from resight.report.run_result import RunResult
from resight.report.sections import SECTIONS
from resight.report.thumbnails import Thumbnails

__all__ = ["RunResult", "write_page"]


def write_page(
    path: str | Path,
    runs: Sequence[RunResult],
    *,
    title: str = "Re-identification results",
    description: str = "",
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write the page about these runs.

    Args:
        path: the HTML file; its folder is made where it is missing. It appears complete or not at all.
        runs: at least one. The first is what the others are compared with.
        title: heading of the page.
        description: what the data set is, in a sentence or two.
        about: names and values for the end of the page; versions, machine and command where it is None.

    Returns:
        The path.

    Raises:
        DataError: if there is no run.
        MissingExtraError: if jinja2 is not installed (extra `report`).
    """
    if not runs:
        raise DataError("write_page: expected at least one run, came none")
    path = Path(path)
    html = render_page(runs, title=title, description=description, about=environment() if about is None else about)
    with whole_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
    return path


def render_page(runs: Sequence[RunResult], *, title: str, description: str, about: Mapping[str, str]) -> str:
    """The page as text; arguments as for `write_page`."""
    files = templates()
    pictures = Thumbnails()
    sections = []
    for section in SECTIONS:
        context = section.context(runs, pictures)
        if context is not None:
            html = files.get_template(f"{section.name}.html").render(**context)
            sections.append({"id": section.name.replace("_", "-"), "title": section.title, "html": html})
    pictures.tell_blanks()
    alike = [run for run in runs if may_be_same_test(runs[0], run)]
    page: str = files.get_template("page.html").render(
        title=title,
        description=description,
        about=dict(about),
        sections=sections,
        pictures=pictures.all(),
        ratio=pictures.ratio(),
        best=max(alike, key=lambda run: run.report.mean_ap),
        num_runs=len(runs),
        is_best=len(alike) > 1,
        style=template_text("style.css"),
        script=template_text("page.js"),
    )
    return page
