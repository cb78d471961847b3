import posixpath

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.manifest import Manifest
from resight.data.path_spelling import plain_paths
from resight.errors import DataError


def plain(*paths: str | None) -> list[str | None]:
    return plain_paths(pa.chunked_array([pa.array(paths, pa.large_string())])).to_pylist()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./a.jpg", "a.jpg"),
        ("././a.jpg", "a.jpg"),
        ("x/../a.jpg", "a.jpg"),
        ("x/./y//z/../a.jpg", "x/y/a.jpg"),
        ("x/y/../../a.jpg", "a.jpg"),
        ("x/../../a.jpg", "../a.jpg"),
        ("../../a.jpg", "../../a.jpg"),
        (".x/../..y/../...jpg/../a.jpg", "a.jpg"),
        ("x./..a/.b/a..jpg", "x./..a/.b/a..jpg"),
        ("/x/../a.jpg", "/x/../a.jpg"),
        ("//x/a.jpg", "//x/a.jpg"),
        ("C:/x//a.jpg", "C:/x//a.jpg"),
        ("lup/data.mdb#a/../b//c", "lup/data.mdb#a/../b//c"),
        ("lup/data.LMDB#./c", "lup/data.LMDB#./c"),
    ],
)
def test_spellings(path: str, expected: str) -> None:
    assert plain("a b.jpg", path, None) == ["a b.jpg", expected, None]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", ".b", "..c", "...", ".", "..", ""]), min_size=1, max_size=7))
def test_it_is_what_the_standard_library_makes_of_it(parts: list[str]) -> None:
    path = "/".join(["x", *parts, "a.jpg"])
    assert plain(path) == [posixpath.normpath(path)]


def test_a_manifest_sees_two_spellings_as_one_image() -> None:
    for second in ("./a.jpg", "x/../a.jpg", ".//a.jpg"):
        manifest = Manifest.from_columns({"image": ["a.jpg", second]}, "/data")
        assert manifest.column("image").tolist() == ["a.jpg", "a.jpg"]
        with pytest.raises(DataError, match="every image and box once"):
            manifest.require_valid()
    assert manifest.with_column("image", ["b.jpg", "./c.jpg"]).column("image").tolist() == ["b.jpg", "c.jpg"]
