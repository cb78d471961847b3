"""The documents are code: their Python blocks run, their links lead somewhere, their commands exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from resight.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [
        line.strip() for block in re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.S) for line in block.splitlines()
    ]
    for line in lines:
        words = line.split()
        if not words or words[0] != "resight":
            continue
        command = get_command(app)
        for word in words[1:]:
            commands = getattr(command, "commands", None)
            if commands is None:
                break
            if not word.startswith("-"):
                assert word in commands, f"{page.name}: {line}"
                command = commands[word]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in words[1:]:
            if word.startswith("--") and word not in ("--help", "--version", "--debug"):
                assert word.split("=")[0] in options, f"{page.name}: {line}: no option {word}"
