"""The published numbers: one place in code, and the tables of docs/results.md, which were written down apart."""

from collections import defaultdict
from pathlib import Path

from resight.recipes import RECIPES
from resight.recipes.published import PUBLISHED, measures

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
SOURCES = ("paper", "official code", "independent")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _page_numbers() -> dict[str, dict[str, tuple[float, ...]]]:
    """Recipe -> source -> the two numbers, from every table whose first column is the recipe."""
    found: dict[str, dict[str, tuple[float, ...]]] = defaultdict(dict)
    header: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            header = []
        elif not header:
            header = _cells(line)
        elif header[0] == "recipe" and line.startswith("| `"):
            name, *cells = _cells(line)
            for column, cell in zip(header[1:], cells, strict=True):
                if column in SOURCES and cell:
                    found[name.strip("`")][column] = tuple(float(number) for number in cell.split("/"))
    return found


def test_the_page_and_the_code_give_the_same_numbers() -> None:
    code = {
        name: {one.source.short: (one.first, one.second) for one in published} for name, published in PUBLISHED.items()
    }
    assert dict(_page_numbers()) == code


def test_every_number_is_of_a_recipe_and_a_percentage() -> None:
    assert set(PUBLISHED) <= set(RECIPES)
    for name, published in PUBLISHED.items():
        assert len({one.source.short for one in published}) == len(published) > 0, name
        assert all(10 < one.first < one.second < 100 for one in published), f"{name}: the first number is the lower"


def test_vehicleid_counts_ranks() -> None:
    assert measures("vehicleid_transreid") == ("Rank-1", "Rank-5")
    assert measures("veri776_transreid") == ("mAP", "Rank-1")
