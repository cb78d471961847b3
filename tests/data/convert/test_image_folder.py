import os
from pathlib import Path

import pytest

from resight.data.convert.image_folder import image_folder
from resight.errors import DataError


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_images_at_all_depths_in_order(tmp_path: Path) -> None:
    fill(tmp_path, "b.JPG", "a/2.png", "a/1/deep.webp", "notes.txt", "c.tiff", "a/x.jpg.bak")
    manifest = image_folder(tmp_path)
    assert manifest.column("image").tolist() == ["a/1/deep.webp", "a/2.png", "b.JPG", "c.tiff"]
    assert manifest.image_path(1) == tmp_path / "a" / "2.png"
    assert manifest.identities() == []
    assert manifest.column("split").tolist() == [None] * 4


def test_what_is_hidden_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", ".b.png", ".cache/c.png", "d/.trash/e.png", "__MACOSX/a.png")
    assert image_folder(tmp_path).column("image").tolist() == ["a.png"]


def test_a_hidden_folder_that_is_asked_for_is_read(tmp_path: Path) -> None:
    fill(tmp_path, ".cache/c.png")
    assert image_folder(tmp_path / ".cache").column("image").tolist() == ["c.png"]


def test_progress_counts_the_folders_that_are_read(tmp_path: Path) -> None:
    fill(tmp_path, "a/1/x.png", "a/2/x.png", "b/x.png", ".hidden/x.png")
    (tmp_path / "b" / "link").symlink_to(tmp_path / "a")
    calls: list[tuple[int, int]] = []
    manifest = image_folder(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert manifest.column("image").tolist() == ["a/1/x.png", "a/2/x.png", "b/x.png"]
    assert [done for done, _ in calls] == [1, 2, 3, 4, 5]
    assert calls[0] == (1, 3)
    assert calls[-1] == (5, 5)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    fill(tmp_path, "a/x.png", os.fsdecode(b"a/caf\xe9.png"))
    with pytest.raises(DataError, match=r"came 'a/caf\\udce9.png'; rename the file or folder"):
        image_folder(tmp_path)


def test_a_folder_named_like_an_image_is_none(tmp_path: Path) -> None:
    fill(tmp_path, "clip.jpg/frame.png")
    assert image_folder(tmp_path).column("image").tolist() == ["clip.jpg/frame.png"]


def test_one_image(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.png")
    manifest = image_folder(str(tmp_path / "b.png"))
    assert manifest.column("image").tolist() == ["b.png"]
    assert manifest.image_path(0) == tmp_path / "b.png"


def test_the_home_folder(tmp_path: Path, monkeypatch) -> None:
    fill(tmp_path, "sub/a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert image_folder("~/sub").image_path(0) == tmp_path / "sub" / "a.png"
    assert image_folder("~/sub/a.png").image_path(0) == tmp_path / "sub" / "a.png"


def test_no_image(tmp_path: Path) -> None:
    fill(tmp_path, "notes.txt")
    with pytest.raises(DataError, match=r"holds no image \(.bmp, .jpeg, .jpg"):
        image_folder(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        image_folder(tmp_path / "nowhere")
