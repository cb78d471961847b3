from pathlib import Path

import pytest

from resight.data.convert import dukemtmc
from resight.errors import DataError


def test_duke(fill, odd_parent: Path) -> None:
    fill(
        odd_parent,
        "bounding_box_train/0005_c2_f0046985.jpg",
        "bounding_box_train/0001_c8_f0000001.jpg",
        "bounding_box_train/Thumbs.db",
        "query/0003_c1_f0000002.jpg",
        "bounding_box_test/7139_c4_f0000003.jpg",
        "CITATION.txt",
    )
    manifest = dukemtmc(odd_parent)
    assert manifest.column("image").tolist() == [
        "bounding_box_train/0001_c8_f0000001.jpg",
        "bounding_box_train/0005_c2_f0046985.jpg",
        "query/0003_c1_f0000002.jpg",
        "bounding_box_test/7139_c4_f0000003.jpg",
    ]
    assert manifest.column("pid").tolist() == ["0001", "0005", "0003", "7139"]
    assert manifest.column("camid").tolist() == ["8", "2", "1", "4"]
    assert manifest.column("split").tolist() == ["train", "train", "query", "gallery"]
    assert manifest.column("frame").tolist() == [1, 46985, 2, 3]
    assert not manifest.column("junk").any()


@pytest.mark.parametrize("name", ["-1_c1_f0000001.jpg", "0005_c9_f0046985.jpg", "0002_c1s1_000451_03.jpg"])
def test_names_of_another_set(fill, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"1 file names do not look like 0005_c2_f0046985\.jpg"):
        dukemtmc(fill(tmp_path, f"query/{name}"))
