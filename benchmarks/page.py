"""What the page of a benchmark says of itself, and where it goes."""

from pathlib import Path

from resight.environment import environment


def heading(title: str, command: str, remarks: str) -> list[str]:
    """Title, command, versions, machine and date: the first lines of a page."""
    facts = environment()
    versions = ", ".join(f"{name} {facts[name]}" for name in ("resight", "torch", "timm", "numpy", "pillow", "Python"))
    machine = f"{facts['machine']}, accelerator: {facts['accelerator']}"
    return [f"# {title}", "", f"`{command}`, {facts['date']}; {versions}; {machine}. {remarks}", ""]


def publish(lines: list[str], output: Path | None) -> None:
    """Prints a page, and writes it where asked to."""
    text = "\n".join(lines) + "\n"
    print(text)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text)
