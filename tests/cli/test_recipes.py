from pathlib import Path

import pytest
import yaml

from resight.recipes import ALL_RECIPES, RECIPES, TrainRecipe, load_recipe
from tests.cli.conftest import Run


def _rows(text: str) -> dict[str, str]:
    """Line by its first word."""
    return {line.split()[0]: line for line in text.splitlines() if line.strip()}


def test_list(run: Run) -> None:
    result = run("recipes")
    assert result.code == 0
    rows = _rows(result.out)
    for name, recipe in ALL_RECIPES.items():
        assert recipe().title in rows[name]
        assert any(line.startswith(recipe.group) for line in result.out.splitlines())
    assert set(run("recipes", "--json").json) == set(ALL_RECIPES)


def test_published_results_stand_beside(run: Run) -> None:
    result = run("recipes")
    rows = _rows(result.out)
    assert "88.9 / 95.2  89.0 / 95.1" in rows["market1501_transreid_stride"]
    assert "85.2 / 97.5" in rows["vehicleid_transreid_stride"]
    assert not any(character == "/" for character in rows["demo_transreid"])
    assert "TransReID, VehicleID, Rank-1 / Rank-5" in result.out
    assert "BoT, Market-1501, mAP / Rank-1" in result.out
    described = run("recipes", "--json").json["veri776_transreid_stride"]
    assert described["published"][0] == {
        "mAP": 82.0,
        "Rank-1": 97.1,
        "source": "He et al. 2021, arXiv:2102.04378, Table 7",
    }
    assert described["weights"] == "jx_vit_base_p16_224-80ecf9dd.pth"
    assert described["group"] == "TransReID, VeRi-776"


@pytest.mark.parametrize(
    ("text", "some", "count"),
    [("msmt17", "msmt17_ssl_vit_small", 15), ("BoT", "dukemtmc_bot", 8), ("VeRi-776", "veri776_baseline", 5)],
)
def test_a_part_of_names_or_headings_filters(run: Run, text: str, some: str, count: int) -> None:
    result = run("recipes", text)
    rows = _rows(result.out)
    assert some in rows
    assert len(set(rows) & set(RECIPES)) == count
    assert set(run("recipes", text, "--json").json) == set(rows) & set(RECIPES)


def test_print_one_as_a_file_that_gives_it_again(run: Run, tmp_path: Path) -> None:
    result = run("recipes", "vehicle_transreid")
    (tmp_path / "mine.yaml").write_text(result.out)
    assert load_recipe(str(tmp_path / "mine.yaml")) == RECIPES["vehicle_transreid"]()
    assert (
        TrainRecipe.model_validate(run("recipes", "vehicle_transreid", "--json").json) == RECIPES["vehicle_transreid"]()
    )
    assert list(yaml.safe_load(result.out))[:2] == ["title", "data"]


@pytest.mark.parametrize("name", ["dukemtmc_bot_baseline", "msmt17_transreid_stride_384"])
def test_what_differs_is_a_file_too(run: Run, tmp_path: Path, name: str) -> None:
    result = run("recipes", name, "--diff")
    (tmp_path / "mine.yaml").write_text(result.out)
    assert load_recipe(str(tmp_path / "mine.yaml")) == RECIPES[name]()
    assert "momentum" not in result.out
    assert run("recipes", name, "--diff", "--json").json == yaml.safe_load(result.out)


def test_comments_say_what_is_known_of_it(run: Run) -> None:
    lines = run("recipes", "vehicleid_transreid_stride").out.splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert comments[0] == "# starts from jx_vit_base_p16_224-80ecf9dd.pth: add model.weights=FILE"
    assert "no SIE on VehicleID" in comments[1]
    assert comments[2].startswith("# published: Rank-1 85.2, Rank-5 97.5 (He et al. 2021")


def test_unknown(run: Run) -> None:
    result = run("recipes", "vehicle_trnasreid")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: there is no recipe named 'vehicle_trnasreid'; did you mean vehicle_transreid")
