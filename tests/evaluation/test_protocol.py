import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.protocol import matched_queries, matching
from resight.functional.ranking import match_masks


def manifest(images, *, root="/set", **columns):
    return Manifest.from_columns({"image": images, **columns}, root=root)


def masks(query, gallery, **options):
    match, left_out = match_masks(matching(query, gallery, **options), slice(None))
    return match.int().tolist(), left_out.int().tolist()


def test_same_identity_and_camera_is_left_out():
    query = manifest(["q"], pid=["7"], camid=["0"])
    gallery = manifest(list("abcd"), pid=["7", "7", "3", None], camid=["0", "1", "0", "0"])
    assert masks(query, gallery) == ([[0, 1, 0, 0]], [[1, 0, 0, 0]])


def test_an_unknown_camera_is_never_the_same():
    query = manifest(["p", "q"], pid=["7", "7"], camid=[None, "0"])
    gallery = manifest(["a", "b"], pid=["7", "7"], camid=[None, "0"])
    assert masks(query, gallery) == ([[1, 1], [1, 0]], [[0, 0], [0, 1]])
    assert masks(manifest(["q"], pid=["7"]), gallery) == ([[1, 1]], [[0, 0]])
    assert masks(query, manifest(["a"], pid=["7"])) == ([[1], [1]], [[0], [0]])


def test_junk_rows_never_count():
    query = manifest(["p", "q"], pid=["7", "7"], camid=["0", "0"], junk=[True, False])
    gallery = manifest(list("abc"), pid=["7", "3", "7"], camid=["1", "1", "1"], junk=[True, True, None])
    assert masks(query, gallery) == ([[0, 0, 0], [0, 0, 1]], [[1, 1, 0], [1, 1, 0]])


def test_without_cameras_only_the_own_image_is_left_out():
    rows = manifest(list("abc"), pid=["1", "1", "2"], camid=["0", "0", "0"])
    match, left_out = masks(rows, rows, cross_camera=False)
    assert left_out == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert match == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_the_own_image_is_known_by_path_and_box_from_any_root():
    boxes = {
        "box_x": [0.0, 5.0, None],
        "box_y": [0.0] * 2 + [None],
        "box_w": [4.0] * 2 + [None],
        "box_h": [4.0, 4, None],
    }
    query = manifest(["in/a", "in/a", "in/a"], pid=["1"] * 3, root="/set", **boxes)
    gallery = manifest(["a", "/set/in/a", "b"], pid=["1"] * 3, root="/set/in", **boxes)
    assert masks(query, gallery, cross_camera=False)[1] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    whole = manifest(["a"], pid=["1"], root="/set/in")
    assert masks(query, whole, cross_camera=False)[1] == [[0], [0], [1]]


def test_a_query_without_identity_is_an_error_that_names_it():
    with pytest.raises(DataError, match=r"1 of 2 query rows have no identity, the first is row 1 \(/set/q\)"):
        matching(manifest(["p", "q"], pid=["7", None]), manifest(["a"], pid=["7"]))
    with pytest.raises(DataError, match="1 of 1 query rows"):
        matching(manifest(["q"]), manifest(["a"], pid=["7"]))


def test_empty_sides_are_errors():
    full, empty = manifest(["a"], pid=["7"]), manifest(["a"], pid=["7"]).select([])
    with pytest.raises(DataError, match="at least one query row"):
        matching(empty, full)
    with pytest.raises(DataError, match="at least one gallery row"):
        matching(full, empty)
    with pytest.raises(DataError, match="all 1 gallery rows are marked junk"):
        matching(full, manifest(["b"], pid=["7"], junk=[True]))


@pytest.mark.parametrize("cross_camera", [True, False])
def test_which_queries_have_a_match(cross_camera):
    rng = np.random.default_rng(3)

    def rows(count, share_of_junk):
        columns = {name: rng.choice(["0", "1", "2", "3"], count).tolist() for name in ("pid", "camid")}
        junk = (rng.random(count) < share_of_junk).tolist()
        return manifest([f"{number}.png" for number in rng.permutation(9)[:count]], junk=junk, **columns)

    seen = set()
    for _ in range(50):
        query, gallery = rows(3, 0.2), rows(5, 0.4)
        if gallery.column("junk").all():
            continue
        codes = matching(query, gallery, cross_camera=cross_camera)
        expected = match_masks(codes, slice(None))[0].any(1).tolist()
        assert matched_queries(codes).tolist() == expected
        seen.update(expected)
    assert seen == {True, False}
    unknown = matching(manifest(["a"], pid=["1"]), manifest(["b"], pid=["1"]), cross_camera=cross_camera)
    assert matched_queries(unknown).tolist() == [True]
