from pathlib import Path

import pytest

from resight.data.convert.lists import on_disk, read_lines, require_listed_once
from resight.errors import DataError


@pytest.mark.parametrize(
    "content",
    [b"b c\na\n", b"b c\r\na\r\n", b"\xef\xbb\xbfb c\n\n \na", b"\r\n\tb c \r\n\r\na  ", b"b c\ra"],
)
def test_lines(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    assert read_lines(tmp_path / "list", "a name") == ["b c", "a"]


def test_unicode_names_stay_whole(tmp_path: Path) -> None:
    names = ["größe.jpg", "人\u2028名.jpg", "e\u0301.jpg", "a\x85b.jpg"]
    (tmp_path / "list").write_text("\n".join(names), encoding="utf-8")
    assert read_lines(tmp_path / "list", "a name") == names


@pytest.mark.parametrize(
    ("content", "words"), [(b"\n \r\n", "a name on each line, but the list is empty"), (b"\xff\xfe", "in UTF-8")]
)
def test_bad_lists(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_lines(tmp_path / "list", "a name")
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_lines(tmp_path / "list", "a name")


def test_on_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"")
    assert on_disk(tmp_path, ["a/1.jpg", "a/2.jpg", "a"], strict=False).tolist() == [True, False, False]
    with pytest.raises(DataError, match=r"2 of 3 listed images are missing: a/2\.jpg, a; restore"):
        on_disk(tmp_path, ["a/1.jpg", "a/2.jpg", "a"], strict=True)
    for strict in (True, False):
        with pytest.raises(DataError, match=r"1 of 1 listed images are missing: b\.jpg; is this the folder"):
            on_disk(tmp_path, ["b.jpg"], strict=strict)


def test_listed_once() -> None:
    require_listed_once(Path("list"), ["a", "b"])
    with pytest.raises(DataError, match="list: 2 images are listed twice: b, c; keep each in one place"):
        require_listed_once(Path("list"), ["a", "b", "b", "c", "c", "b"])


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    calls: list[tuple[int, int]] = []
    found = on_disk(tmp_path, ["a.jpg"] * 2500, strict=True, progress=lambda done, total: calls.append((done, total)))
    assert found.all()
    assert calls == [(1000, 2500), (2000, 2500), (2500, 2500)]
