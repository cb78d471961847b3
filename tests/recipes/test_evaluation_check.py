import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError, RecipeError
from resight.recipes import TrainRecipe, update
from resight.recipes.evaluation_check import check_evaluation
from resight.recipes.evaluation_set import EvaluationSet


def _set(manifest: Manifest, *, both_directions: bool = False, cross_camera: bool = True) -> EvaluationSet:
    sections = {"data": {"both_directions": both_directions}, "evaluate": {"cross_camera": cross_camera}}
    recipe = update(TrainRecipe(), sections)
    test = EvaluationSet.of(manifest, recipe.evaluate, recipe.data)
    assert test is not None
    return test


def test_a_good_test(tiny_manifest: Manifest) -> None:
    check_evaluation(_set(tiny_manifest, both_directions=True))


def test_one_camera_names_the_way_out_where_it_is_one(tiny_manifest: Manifest) -> None:
    one = tiny_manifest.with_column("camid", ["1"] * len(tiny_manifest))
    with pytest.raises(RecipeError, match=r"in another camera; .*use evaluate\.cross_camera=false"):
        check_evaluation(_set(one))
    check_evaluation(_set(one, cross_camera=False))
    gallery = tiny_manifest.codes("split", ["gallery"]) == 0
    others = tiny_manifest.with_column("pid", np.where(gallery, "99", tiny_manifest.column("pid")).tolist())
    for cross_camera in (True, False):
        with pytest.raises(DataError, match="hold other images of the queries' identities"):
            check_evaluation(_set(others, cross_camera=cross_camera))


def test_the_other_direction_is_looked_at(tiny_manifest: Manifest) -> None:
    gallery = np.flatnonzero(tiny_manifest.codes("split", ["gallery"]) == 0)
    pids = tiny_manifest.column("pid").astype(object)
    pids[gallery[1:]] = None
    some = tiny_manifest.with_column("pid", pids.tolist())
    check_evaluation(_set(some))
    with pytest.raises(DataError, match="7 of 8 query rows have no identity"):
        check_evaluation(_set(some, both_directions=True))


def test_each_draw_is_looked_at(tiny_manifest: Manifest) -> None:
    test = tiny_manifest.codes("split", ["query", "gallery"])
    bits = [None if code < 0 else int(code) | 2 * (row == 31) for row, code in enumerate(test)]
    drawn = tiny_manifest.with_column("gallery_draws", bits)  # the second draw has one gallery row
    check_evaluation(_set(drawn))
    pids = [*tiny_manifest.column("pid")[:31], "99"]
    with pytest.raises(DataError, match="none of the 15 queries has a match"):
        check_evaluation(_set(drawn.with_column("pid", pids)))


def test_missing_images(tiny_manifest: Manifest) -> None:
    (tiny_manifest.root / tiny_manifest.split("gallery").column("image")[1]).unlink()
    with pytest.raises(DataError, match=r"query and gallery: .*_1.png' .*rows count from 0, query rows first"):
        check_evaluation(_set(tiny_manifest))
