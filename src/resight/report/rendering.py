"""The templates of the pages, and the text files beside them."""

from importlib import resources
from typing import Any

from resight._optional import require


def templates() -> Any:
    """The jinja environment of all pages.

    Raises:
        MissingExtraError: if jinja2 is not installed (extra `report`).
    """
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["camera"] = lambda camid: f"camera {camid}" if camid.isdecimal() else camid
    return environment


def template_text(name: str) -> str:
    """A file of the folder `templates`."""
    return (resources.files("resight.report") / "templates" / name).read_text(encoding="utf-8")
