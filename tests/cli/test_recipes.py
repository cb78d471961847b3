from pathlib import Path

import yaml

from resight.recipes import RECIPES, TrainRecipe, load_recipe
from tests.cli.conftest import Run


def test_list(run: Run) -> None:
    result = run("recipes")
    assert result.code == 0
    for name, function in RECIPES.items():
        assert any(line.split()[0] == name and function().title in line for line in result.out.splitlines())
    assert run("recipes", "--json").json == {name: function().title for name, function in RECIPES.items()}


def test_print_one_as_a_file_that_gives_it_again(run: Run, tmp_path: Path) -> None:
    result = run("recipes", "vehicle_transreid")
    (tmp_path / "mine.yaml").write_text(result.out)
    assert load_recipe(str(tmp_path / "mine.yaml")) == RECIPES["vehicle_transreid"]()
    assert (
        TrainRecipe.model_validate(run("recipes", "vehicle_transreid", "--json").json) == RECIPES["vehicle_transreid"]()
    )
    assert list(yaml.safe_load(result.out))[:2] == ["title", "data"]


def test_unknown(run: Run) -> None:
    result = run("recipes", "vehicle_trans")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: there is no recipe named 'vehicle_trans'; did you mean vehicle_transreid")
