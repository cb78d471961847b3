"""One self-contained HTML page about a set of runs: no network, no other file."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from resight._optional import require
from resight.environment import environment
from resight.errors import DataError
from resight.files import whole_file
from resight.report.comparison import may_be_same_test
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
    templates = _templates()
    pictures = Thumbnails()
    sections = []
    for section in SECTIONS:
        context = section.context(runs, pictures)
        if context is not None:
            html = templates.get_template(f"{section.name}.html").render(**context)
            sections.append({"id": section.name.replace("_", "-"), "title": section.title, "html": html})
    pictures.tell_blanks()
    alike = [run for run in runs if may_be_same_test(runs[0], run)]
    page: str = templates.get_template("page.html").render(
        title=title,
        description=description,
        about=dict(about),
        sections=sections,
        pictures=pictures.all(),
        ratio=pictures.ratio(),
        best=max(alike, key=lambda run: run.report.mean_ap),
        num_runs=len(runs),
        is_best=len(alike) > 1,
        style=_template_text("style.css"),
        script=_template_text("page.js"),
    )
    return page


def _templates() -> Any:
    jinja2 = require("jinja2", extra="report")
    templates = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["camera"] = lambda camid: f"camera {camid}" if camid.isdecimal() else camid
    return templates


def _template_text(name: str) -> str:
    return (resources.files("resight.report") / "templates" / name).read_text(encoding="utf-8")
