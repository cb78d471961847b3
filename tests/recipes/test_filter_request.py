from pathlib import Path

import pytest

from resight.errors import DataError, RecipeError
from resight.recipes import PretrainRecipe
from resight.recipes.filter_request import FilterRequest, claim_folder, proxy_recipe
from resight.recipes.pretrain_run import pretrain
from tests.recipes.pretrain_runs import tiny_pretraining


def request(**changes: object) -> FilterRequest:
    recipe = PretrainRecipe()
    return FilterRequest(
        **{"pool": Path("p"), "targets": (Path("t"),), "recipe": recipe, "target_recipe": recipe} | changes
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": ()}, "say what the pool is to suit"),
        ({"target_proxies": (Path("a"),)}, "give --source with --target-proxy"),
        (
            {"source": Path("s"), "target_proxies": (Path("a"), Path("b"))},
            "expected one target proxy for all targets, came 2",
        ),
        (
            {"source": Path("s"), "combine": "best", "target_proxies": (Path("a"), Path("b"))},
            "for each of 1 targets, came 2",
        ),
    ],
)
def test_parts_that_do_not_go_together(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        request(**changes).require_sound()


def test_parts_that_do() -> None:
    request().require_sound()
    request(source=Path("s")).require_sound()
    request(source=Path("s"), target_proxies=(Path("a"),), targets=()).require_sound()
    request(source=Path("s"), target_proxies=(Path("a"), Path("b")), targets=(), combine="best").require_sound()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("cfs", "width", "height", "aspect", "sharpness", "nearest")),
        ({"targets": (Path("t"), Path("u"))}, ("cfs", "width", "height", "aspect", "sharpness", "nearest")),
        (
            {"targets": (Path("t"), Path("u")), "combine": "best"},
            ("cfs", "cfs_1", "cfs_2", "width", "height", "aspect", "sharpness", "nearest"),
        ),
        (
            {"source": Path("s"), "target_proxies": (Path("a"),), "targets": ()},
            ("cfs", "width", "height", "aspect", "sharpness"),
        ),
    ],
)
def test_names_of_scores_are_known_before(changes: dict[str, object], expected: tuple[str, ...]) -> None:
    assert request(**changes).columns == expected


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    folder, content = tmp_path / "out", request().content()
    with pytest.raises(DataError, match=r"no filtering in .* to go on with"):
        claim_folder(folder, content, resume=True)
    claim_folder(folder, content, resume=False)
    claim_folder(folder, content, resume=True)
    claim_folder(folder, content, resume=False)  # nothing was done yet
    (folder / "source").mkdir()
    with pytest.raises(DataError, match="not empty; choose another folder, or go on with --resume"):
        claim_folder(folder, content, resume=False)
    with pytest.raises(DataError, match="begun with another pool, another targets"):
        claim_folder(folder, request(pool=Path("q"), targets=(Path("u"),)).content(), resume=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(DataError, match=r"not empty; choose another folder$"):
        claim_folder(tmp_path / "other", content, resume=False)


def test_lists_of_images_are_no_leftovers(tmp_path: Path) -> None:
    own = tmp_path / "own" / "target.parquet"
    own.parent.mkdir()
    own.touch()
    with pytest.raises(DataError, match="not empty"):
        claim_folder(own.parent, request().content(), resume=False)
    (own.parent / "filter.json").write_text("{}")
    for changes in ({"targets": (own,)}, {"pool": own}):
        with pytest.raises(DataError, match=r"target\.parquet lies in .*own, where the filter writes"):
            claim_folder(own.parent, request(**changes).content(), resume=False)


@pytest.mark.parametrize("text", ["", "[1]"])
def test_altered_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "filter.json").write_text(text)
    with pytest.raises(DataError, match=r"filter\.json.*choose another folder"):
        claim_folder(tmp_path, request().content(), resume=True)


def test_proxies_have_the_recipe_of_the_source_run(tiny_manifest: object, tmp_path: Path) -> None:
    assert proxy_recipe(None, None).model.name == "vit_nano"
    assert proxy_recipe("luperson_dino_vit_small", tmp_path).model.name == "vit_small"
    assert proxy_recipe(None, tmp_path / "nothing.pth").model.name == "vit_nano"
    recipe = tiny_pretraining(tiny_manifest.root)  # type: ignore[attr-defined]
    pretrain(recipe, tmp_path / "run")
    found = proxy_recipe(None, tmp_path / "run")
    assert found.model == recipe.model
    assert found.data.source is None
