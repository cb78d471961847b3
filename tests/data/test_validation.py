from pathlib import Path

import pytest

from resight.data import Manifest
from resight.errors import DataError

BOX = {"box_x": [0.0, 0.0], "box_y": [0.0, 0.0], "box_w": [4.0, 4.0], "box_h": [4.0, 4.0]}


def make(root: Path, **columns: list[object]) -> Manifest:
    return Manifest.from_columns({"image": ["a", "b"], **columns}, root)


def test_a_good_manifest_has_no_problems(tmp_path: Path) -> None:
    assert make(tmp_path, **BOX, pid=[None, None], split=["train", None], time=[None, 2.0]).validate() == []


@pytest.mark.parametrize(
    ("columns", "column", "words"),
    [
        ({"image": ["a", None]}, "image", r"a path in every row, came None \(row 1\)"),
        ({"image": ["a", ""]}, "image", "a path in every row"),
        ({"split": ["train", "test"]}, "split", r"train, query, gallery or empty, came 'test' \(row 1\); rename"),
        ({**BOX, "box_w": [4.0, None]}, "box", r"or none, came \(0.0, 0.0, None, 4.0\) \(row 1\); complete"),
        ({"box_x": [None, 1.0]}, "box", "all of box_x, box_y, box_w, box_h or none"),
        ({**BOX, "box_w": [4.0, 0.0]}, "box", "above 0, in pixels.*two corners"),
        ({**BOX, "box_x": [4.0, float("inf")]}, "box", "finite numbers"),
        ({"time": [1.0, float("inf")]}, "time", "finite number of seconds"),
        ({"image": ["a", "a"]}, "image", r"every image and box once, came 'a' \(row 1\); drop"),
        ({**BOX, "image": ["a", "a"]}, "image", "every image and box once"),
    ],
)
def test_each_rule(tmp_path: Path, columns: dict[str, list[object]], column: str, words: str) -> None:
    manifest = make(tmp_path, **columns)
    (problem,) = manifest.validate()
    assert (problem.column, problem.count, problem.rows) == (column, 1, (1,))
    with pytest.raises(DataError, match=words):
        manifest.require_valid()


def test_one_image_may_hold_many_boxes_and_the_whole(tmp_path: Path) -> None:
    boxes = {name: [0.0, 1.0, None] for name in ("box_x", "box_y")}
    boxes |= {name: [4.0, 4.0, None] for name in ("box_w", "box_h")}
    assert Manifest.from_columns({"image": ["a", "a", "a"], **boxes}, tmp_path).validate() == []


def test_duplicates_are_found_across_splits_and_spelled_out(tmp_path: Path) -> None:
    images = [f"{number % 40}.jpg" for number in range(47)]
    splits = ["train"] * 40 + ["gallery"] * 7
    (problem,) = Manifest.from_columns({"image": images, "split": splits}, tmp_path).validate()
    assert problem.count == 7
    assert problem.rows == (40, 41, 42, 43, 44)
    assert "and 2 more" in str(problem)


def test_a_query_may_stand_in_the_gallery_once(tmp_path: Path) -> None:
    def bad(*splits: str) -> int:
        images = ["other", *["a"] * len(splits)]
        problems = Manifest.from_columns({"image": images, "split": ["query", *splits]}, tmp_path).validate()
        return problems[0].count if problems else 0

    assert bad("query", "gallery") == bad("gallery", "query") == 0
    assert bad("query", "query") == bad("train", "query") == bad("gallery", "train") == 1
    assert bad("query", "gallery", "gallery") == 2


def test_null_images_are_no_duplicates(tmp_path: Path) -> None:
    (problem,) = Manifest.from_columns({"image": ["a", None, None]}, tmp_path).validate()
    assert problem.expected == "a path in every row"


def test_all_problems_come_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)'split'.*'image'.*rows count from 0"):
        make(tmp_path, image=["a", "a"], split=["x", "y"]).require_valid()


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    manifest = make(tmp_path)
    assert manifest.validate() == []
    (problem,) = manifest.validate(check_files=True)
    assert problem.rows == (1,)
    assert str(tmp_path) in problem.expected
