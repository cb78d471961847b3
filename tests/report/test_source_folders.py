import numpy as np
import pyarrow as pa
import pytest

from resight.report import source_folders
from resight.report.source_folders import FolderCounts


def rates(images, kept, parts=1, column="image"):
    counts = FolderCounts()
    for rows in np.array_split(np.arange(len(images)), parts):
        table = pa.table({column: [images[row] for row in rows]})
        if column != "image":
            table = table.append_column("image", pa.array([f"0.tar#{512 * row}+9/{row}.jpg" for row in rows]))
        counts.add(table, np.array(kept)[rows])
    return [(one.name, one.count, one.kept) for one in counts.rates()]


@pytest.mark.parametrize("parts", [1, 3])
def test_shares_by_folder(parts):
    images = ["data/a/1.jpg", "data/b/1.jpg", "data/a/2.jpg", "data/b/2.jpg", "data/b/3.jpg"]
    kept = [False, True, True, True, False]
    assert rates(images, kept, parts) == [("b", 3, 2), ("a", 2, 1)]


def test_one_folder_says_nothing():
    assert rates(["a/1.jpg", "a/2.jpg"], [True, False]) == []
    assert rates(["1.jpg"], [True]) == []
    assert FolderCounts().rates() == []


def test_images_beside_folders():
    assert rates(["1.jpg", "a/1.jpg"], [True, False]) == [(".", 1, 1), ("a", 1, 0)]


def test_tars_and_what_was_packed():
    images = ["p/00.tar#512+9/1.jpg", "p/00.tar#1024+9/2.jpg", "p/01.tar#512+9/3.jpg"]
    assert rates(images, [True, True, False]) == [("00.tar", 2, 2), ("01.tar", 1, 0)]
    assert rates(["x/1.jpg", "y/2.jpg"], [True, False], column="source") == [("x", 1, 1), ("y", 1, 0)]


def test_deep_folders_are_joined_until_they_can_be_read(monkeypatch):
    monkeypatch.setattr(source_folders, "SHOWN", 3)
    images = [f"data/{camera}/{track}/{shot}.jpg" for camera in "ab" for track in range(4) for shot in range(2)]
    kept = [image.startswith("data/a") for image in images]
    assert rates(images, kept) == [("a", 8, 8), ("b", 8, 0)]


def test_the_largest_of_too_many(monkeypatch):
    monkeypatch.setattr(source_folders, "SHOWN", 2)
    counts = {"a": 1, "b": 4, "c": 3, "d": 2}
    images = [f"{folder}/{shot}.jpg" for folder, count in counts.items() for shot in range(count)]
    kept = [image.startswith(("c", "a")) for image in images]
    assert rates(images, kept) == [("c", 3, 3), ("b", 4, 0), ("2 more folders", 3, 1)]


def test_windows_paths():
    assert rates(["d\\a\\1.jpg", "d\\b\\1.jpg"], [True, False]) == [("a", 1, 1), ("b", 1, 0)]
