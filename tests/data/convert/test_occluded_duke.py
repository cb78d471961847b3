import logging
from pathlib import Path

import pytest

from resight.data.convert import occluded_duke
from resight.data.manifest import Manifest
from resight.errors import DataError

TRAIN, QUERY, OTHER, BOTH = (
    "0001_c1_f0000001.jpg",
    "0002_c2_f0000002.jpg",
    "0002_c3_f0000003.jpg",
    "0003_c4_f0000004.jpg",
)


@pytest.fixture
def duke(fill, odd_parent: Path) -> Path:
    return fill(
        odd_parent / "DukeMTMC-reID",
        f"bounding_box_train/{TRAIN}",
        "bounding_box_train/0009_c1_f0000009.jpg",
        f"query/{QUERY}",
        f"bounding_box_test/{OTHER}",
        f"bounding_box_test/{BOTH}",
    )


@pytest.fixture
def lists(odd_parent: Path) -> Path:
    folder = odd_parent / "lists"
    folder.mkdir()
    (folder / "train.list").write_bytes(f"{TRAIN}\r\n".encode())
    (folder / "query.list").write_bytes(f"\n{QUERY}\r\n\r\n{BOTH}".encode())
    (folder / "gallery.list").write_text(f"{OTHER}\n{BOTH}\n")
    return folder


def test_its_own_folder(duke: Path) -> None:
    manifest = occluded_duke(duke)
    assert manifest.column("split").tolist() == ["train"] * 2 + ["query"] + ["gallery"] * 2
    assert manifest.column("pid").tolist() == ["0001", "0009", "0002", "0002", "0003"]


def test_from_duke_and_the_lists(duke: Path, lists: Path, tmp_path: Path) -> None:
    manifest = occluded_duke(duke, lists=lists)
    assert manifest.column("image").tolist() == [
        f"bounding_box_train/{TRAIN}",
        f"query/{QUERY}",
        f"bounding_box_test/{BOTH}",  # not in query/
        f"bounding_box_test/{OTHER}",
        f"bounding_box_test/{BOTH}",
    ]
    assert manifest.column("split").tolist() == ["train", "query", "query", "gallery", "gallery"]
    assert manifest.column("pid").tolist() == ["0001", "0002", "0003", "0002", "0003"]
    assert manifest.column("camid").tolist() == ["1", "2", "4", "3", "4"]
    manifest.write(tmp_path / "occluded.parquet")
    assert len(Manifest.read(tmp_path / "occluded.parquet")) == 5


def test_missing(duke: Path, lists: Path, caplog: pytest.LogCaptureFixture) -> None:
    (duke / "bounding_box_test" / BOTH).unlink()
    with pytest.raises(DataError, match=rf"2 of 5 listed images are missing: bounding_box_test/{BOTH}"):
        occluded_duke(duke, lists=lists)
    with caplog.at_level(logging.WARNING):
        assert occluded_duke(duke, lists=lists, strict=False).column("split").tolist() == ["train", "query", "gallery"]
    assert "they are left out" in caplog.text
    (lists / "gallery.list").unlink()
    with pytest.raises(DataError, match=r"gallery\.list: expected a list .* no such file"):
        occluded_duke(duke, lists=lists)


def test_progress(duke: Path, lists: Path) -> None:
    calls: list[tuple[int, int]] = []
    manifest = occluded_duke(duke, lists=lists, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(manifest), len(manifest))
