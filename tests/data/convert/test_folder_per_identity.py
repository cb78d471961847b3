from pathlib import Path

import pytest

from resight.data.convert import folder_per_identity
from resight.errors import DataError


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_identities_without_split(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "rex/b.JPG",
        "rex/a.png",
        "rex/notes.txt",
        "0007/x.webp",
        ".git/config",
        "__MACOSX/rex/a.png",
        "readme.md",
    )
    calls: list[tuple[int, int]] = []
    manifest = folder_per_identity(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert manifest.column("image").tolist() == ["0007/x.webp", "rex/a.png", "rex/b.JPG"]
    assert manifest.column("pid").tolist() == ["0007", "rex", "rex"]
    assert manifest.column("split").tolist() == [None] * 3
    assert manifest.column("camid").tolist() == [None] * 3
    assert calls == [(1, 2), (2, 2)]


def test_splits_on_the_first_level(tmp_path: Path) -> None:
    manifest = folder_per_identity(fill(tmp_path, "query/2/c.jpg", "train/1/a.jpg", "gallery/2/b.jpg"))
    assert manifest.column("image").tolist() == ["train/1/a.jpg", "query/2/c.jpg", "gallery/2/b.jpg"]
    assert manifest.column("split").tolist() == ["train", "query", "gallery"]
    assert manifest.column("pid").tolist() == ["1", "2", "2"]


def test_camera_pattern(tmp_path: Path) -> None:
    fill(tmp_path, "1/x_cam01_3.jpg", "1/y_cam2.jpg")
    manifest = folder_per_identity(tmp_path, camera_pattern=r"cam([0-9]+)")
    assert manifest.column("camid").tolist() == ["01", "2"]
    fill(tmp_path, "1/z.jpg")
    with pytest.raises(DataError, match=r"camera_pattern .*1 file names do not match: 1/z.jpg; correct"):
        folder_per_identity(tmp_path, camera_pattern=r"cam([0-9]+)")


@pytest.mark.parametrize(
    ("pattern", "words"), [("(", "is no regular expression"), ("cam", "one group.*came 0"), ("(a)(b)", "came 2")]
)
def test_bad_patterns(tmp_path: Path, pattern: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        folder_per_identity(fill(tmp_path, "1/a.jpg"), camera_pattern=pattern)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "expected one folder for each identity, came none"),
        (("1/a.jpg", "2/notes.txt"), "1 identity folders hold no image: 2; fill or remove"),
        (("1/a.jpg", "b.jpg"), "1 images lie in no identity's folder: b.jpg; move"),
        (("train/1/a.jpg", "query/b.jpg"), "query: 1 images lie in no identity's folder"),
        (("train/1/a.jpg", "query/readme"), "query: expected one folder for each identity, came none"),
        (("train/1/a.jpg", "test/2/b.jpg"), "folders of splits or folders of identities, came train beside test"),
        (("1/cam1/a.jpg",), "identity folders hold no image: 1"),
    ],
)
def test_bad_folders(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        folder_per_identity(fill(tmp_path, *names))


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one folder for each identity, but it does not exist"):
        folder_per_identity(tmp_path / "absent")
