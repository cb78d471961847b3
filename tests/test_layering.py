"""Imports point downwards only; see docs/architecture.md."""

import ast
from pathlib import Path

import pytest

import resight

SRC = Path(resight.__file__).parent
RANK = {
    "errors": 0,
    "_optional": 1,
    "_version": 0,
    "environment": 1,
    "files": 1,
    "folder_lock": 1,
    "memory": 1,
    "functional": 1,
    "data": 2,
    "models": 2,
    "losses": 2,
    "inference": 3,
    "evaluation": 3,
    "train": 3,
    "filtering": 4,
    "pretrain": 4,
    "report": 4,
    "recipes": 5,
    "cli": 6,
}


def part_of(file: Path) -> str:
    return file.relative_to(SRC).parts[0].removesuffix(".py")


def imported_parts(file: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        parts |= {name.split(".")[1] for name in names if name.startswith("resight.")}
    return parts


FILES = [file for file in sorted(SRC.rglob("*.py")) if part_of(file) != "__init__"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(SRC).as_posix())
def test_imports_point_down(file: Path) -> None:
    part = part_of(file)
    for other in imported_parts(file) - {part}:
        assert RANK[other] < RANK[part], f"{part} (rank {RANK[part]}) must not import {other} (rank {RANK[other]})"


def test_every_part_has_a_rank_and_a_line_in_the_docs() -> None:
    parts = {part_of(file) for file in FILES}
    assert parts == set(RANK)
    page = (SRC.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert not [part for part in parts if f"`{part}`" not in page]


def test_files_are_short() -> None:
    long = {file.name: count for file in FILES if (count := len(file.read_text(encoding="utf-8").splitlines())) > 330}
    assert not long, f"one idea per file; these have more than 330 lines: {long}"
