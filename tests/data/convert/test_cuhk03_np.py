from pathlib import Path

import pytest

from resight.data.convert import cuhk03_np
from resight.errors import DataError


@pytest.fixture
def cuhk(fill, odd_parent: Path) -> Path:
    for crops, box in (("labeled", "01"), ("detected", "02")):
        for number, folder in enumerate(("bounding_box_train", "query", "bounding_box_test"), start=1):
            fill(odd_parent, f"{crops}/{folder}/{number:04d}_c2_{number}_{box}.png")
    return odd_parent


def test_detected_is_the_default(cuhk: Path) -> None:
    manifest = cuhk03_np(cuhk)
    assert manifest.root == cuhk / "detected"
    assert manifest.column("image")[0] == "bounding_box_train/0001_c2_1_02.png"
    assert manifest.column("pid").tolist() == ["0001", "0002", "0003"]
    assert manifest.column("camid").tolist() == ["2"] * 3
    assert manifest.column("split").tolist() == ["train", "query", "gallery"]
    assert "frame" not in manifest.table.column_names


def test_labeled(cuhk: Path) -> None:
    assert cuhk03_np(cuhk, crops="labeled").column("image")[0] == "bounding_box_train/0001_c2_1_01.png"
    assert cuhk03_np(cuhk / "labeled").root == cuhk / "labeled"


@pytest.mark.parametrize("name", ["0002_c1s1_000451_03.jpg", "0005_c2_f0046985.jpg", "0001_c3_1_01.png"])
def test_names_of_another_set(fill, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"1 file names do not look like 0001_c1_1_01\.png"):
        cuhk03_np(fill(tmp_path, f"query/{name}"))


def test_missing(cuhk: Path) -> None:
    with pytest.raises(DataError, match=r"absent: expected a folder with labeled/ and detected/, but it does not"):
        cuhk03_np(cuhk / "absent")
    with pytest.raises(DataError, match=r"detected.*expected a folder with bounding_box_train, query"):
        cuhk03_np(cuhk / "labeled" / "query")
