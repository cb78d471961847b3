import logging
from pathlib import Path

import pytest

from resight.data.convert import veri776
from resight.errors import DataError

TRAIN = ["0001_c001_00000001_0.jpg", "0002_c020_00000002_0.jpg"]
QUERY, GALLERY, JUNK = "0030_c008_00049745_0.jpg", "0030_c009_00049746_0.jpg", "-1_c001_00000003_0.jpg"


def line(path: str, view: object) -> str:
    return " ".join([path, *["-1 12"] * 20, str(view)])


@pytest.fixture
def veri(fill, odd_parent: Path) -> Path:
    return fill(
        odd_parent,
        *(f"image_train/{name}" for name in TRAIN),
        f"image_query/{QUERY}",
        f"image_test/{QUERY}",
        f"image_test/{GALLERY}",
        f"image_test/{JUNK}",
        "image_test/Thumbs.db",
    )


@pytest.fixture
def keypoints(veri: Path) -> Path:
    train = [line(f"/data/VeRi/image_train/{TRAIN[0]}", 0), line(f"image_train\\{TRAIN[1]}", 7)]
    test = [line(f"a folder/0030_c008/{QUERY}", 3)] * 2 + [line(GALLERY, 5), line(TRAIN[0], 6)]
    (veri / "keypoint_train.txt").write_bytes("\r\n".join(train).encode())
    (veri / "keypoint_test.txt").write_text("\n\n".join(test) + "\n", encoding="utf-8")
    return veri


def test_names_and_junk_without_keypoint_files(veri: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        manifest = veri776(veri)
    assert "no keypoint files" in caplog.text
    assert manifest.column("pid").tolist() == ["0001", "0002", "0030", None, "0030", "0030"]
    assert manifest.column("camid").tolist() == ["1", "20", "8", "1", "8", "9"]
    assert manifest.column("split").tolist() == ["train"] * 2 + ["query"] + ["gallery"] * 3
    assert manifest.column("junk").tolist() == [False] * 3 + [True] + [False] * 2
    assert manifest.column("frame").tolist() == [1, 2, 49745, 3, 49745, 49746]
    assert manifest.views() == []


def test_views_by_base_name_train_file_first(keypoints: Path) -> None:
    manifest = veri776(keypoints)
    assert manifest.column("viewid").tolist() == ["0", "7", "3", "3", "5"]
    assert manifest.column("camid").tolist() == ["1", "20", "8", "8", "9"]


def test_images_without_view_are_left_out_and_counted(keypoints: Path, fill, caplog: pytest.LogCaptureFixture) -> None:
    fill(keypoints, "image_train/0003_c002_00000004_0.jpg")
    with caplog.at_level(logging.WARNING):
        assert len(veri776(keypoints)) == 5
    assert "1 of 3 images of split train have no viewpoint label; they are left out" in caplog.text
    with caplog.at_level(logging.WARNING):
        kept = veri776(keypoints, without_view="keep")
    assert kept.column("viewid").tolist() == ["0", "7", None, "3", None, "3", "5"]
    assert "1 of 3 images of split train have no viewpoint label; they are kept" in caplog.text


def test_a_split_never_vanishes(keypoints: Path, tmp_path: Path) -> None:
    (keypoints / "keypoint_train.txt").rename(tmp_path / "keypoint_train.txt")
    (keypoints / "keypoint_test.txt").write_text(line(QUERY, 1))
    with pytest.raises(DataError, match=r"none of the 2 images of split train .*keypoint_test\.txt.*without_view=keep"):
        veri776(keypoints)
    assert len(veri776(keypoints, without_view="keep")) == 6
    with pytest.raises(DataError, match="none of the 1 images of split query"):
        veri776(keypoints, keypoints=tmp_path)  # that folder has the training file only
    with pytest.raises(DataError, match=r"expected keypoint_train\.txt or .* neither is there"):
        veri776(keypoints, keypoints=keypoints / "image_test")


@pytest.mark.parametrize("text", ["a.jpg 1 2 3", line("a.jpg", 8), line("a.jpg", "x"), line("a.jpg", -1)])
def test_odd_lines(keypoints: Path, text: str) -> None:
    (keypoints / "keypoint_test.txt").write_text(text)
    with pytest.raises(DataError, match=r"keypoint_test\.txt: expected a path, 40 coordinates and a view 0 to 7"):
        veri776(keypoints)


def test_names_of_another_set(fill, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"do not look like 0030_c008_00049745_0\.jpg: image_query/0005_c2_f0046985"):
        veri776(fill(tmp_path, "image_query/0005_c2_f0046985.jpg"))
