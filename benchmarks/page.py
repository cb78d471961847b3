"""What the page of a benchmark says of itself, and where it goes."""

from collections.abc import Mapping
from pathlib import Path

from resight.environment import environment


def heading(title: str, command: str, remarks: str) -> list[str]:
    """Title, command, versions, machine and date: the first lines of a page."""
    return [f"# {title}", "", f"{measured(command)} {remarks}", ""]


def measured(command: str) -> str:
    """Command, date, versions and machine in a sentence."""
    facts = environment()
    versions = ", ".join(f"{name} {facts[name]}" for name in ("resight", "torch", "timm", "numpy", "pillow", "Python"))
    machine = f"{facts['machine']}, accelerator: {facts['accelerator']}"
    return f"`{command}`, {facts['date']}; {versions}; {machine}."


def publish(lines: list[str], output: Path | None) -> None:
    """Prints a page, and writes it where asked to."""
    text = "\n".join(lines) + "\n"
    print(text)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text)


def publish_sections(intro: list[str], sections: Mapping[str, list[str]], output: Path | None) -> None:
    """As `publish`, for a page whose sections are measured one by one: the others of a page that is there stay.

    Args:
        intro: title and remarks, above the sections; always written anew.
        sections: lines by title, of what was measured now.
        output: the page, if one is wanted.
    """
    kept = _sections(output.read_text()) if output is not None and output.exists() else {}
    page = list(intro)
    for title, lines in {**kept, **sections}.items():
        page += [f"## {title}", "", *lines, ""]
    publish(page[:-1], output)


def _sections(text: str) -> dict[str, list[str]]:
    """Lines by title, without the empty ones around."""
    parts = [part.partition("\n") for part in f"\n{text}".split("\n## ")[1:]]
    return {title: lines.strip("\n").split("\n") for title, _, lines in parts}
