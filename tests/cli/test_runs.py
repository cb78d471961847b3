from pathlib import Path

import pytest

from resight.cli.runs import resumable, run_folder
from resight.errors import TrainingError


def test_a_run_is_called_as_its_recipe_or_as_the_run_whose_recipe_it_is(tmp_path: Path) -> None:
    assert run_folder("small_dino", None, resume=False) == Path("runs") / "small_dino"
    assert run_folder("mine/own.yaml", None, resume=False) == Path("runs") / "own"
    assert run_folder(str(tmp_path / "before" / "recipe.yaml"), None, resume=False) == Path("runs") / "before"
    assert run_folder("small_dino", tmp_path, resume=False) == tmp_path


def test_there_has_to_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no run in .* to resume; check --output"):
        run_folder("small_dino", tmp_path, resume=True)
    (tmp_path / "recipe.yaml").touch()
    assert run_folder("small_dino", tmp_path, resume=True) == tmp_path


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_says_how_to_go_on_where_there_is_a_run(
    error: BaseException, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)), resumable(tmp_path):
        raise error
    assert capsys.readouterr().err == ""
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(type(error)), resumable(tmp_path):
        raise error
    assert f"repeat the command with --resume; the run is in {tmp_path}" in capsys.readouterr().err
