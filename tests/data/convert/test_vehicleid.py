from pathlib import Path

import numpy as np
import pytest

from resight.data.convert import vehicleid
from resight.data.draws import gallery_masks
from resight.data.manifest import Manifest
from resight.errors import DataError

TRAIN = {"0000001": 50, "0000002": 50, "0000003": 7}
TEST = {f"{number:07d}": 100 + number % 3 for number in range(10, 19)}  # three vehicles, three images of each


@pytest.fixture
def vehicles(fill, odd_parent: Path) -> Path:
    fill(odd_parent, *(f"image/{image}.jpg" for image in {**TRAIN, **TEST}), "train_test_split/readme.txt")
    for name, rows in (("train_list", TRAIN), ("test_list_3", TEST)):
        text = "\r\n".join(f"{image} {vehicle}" for image, vehicle in rows.items())
        (odd_parent / "train_test_split" / f"{name}.txt").write_bytes(f"\r\n{text}\r\n".encode())
    return odd_parent


def test_lists(vehicles: Path) -> None:
    manifest = vehicleid(vehicles, size=3)
    assert manifest.column("image").tolist()[:2] == ["image/0000001.jpg", "image/0000002.jpg"]
    assert manifest.column("pid").tolist()[:5] == ["50", "50", "7", "101", "102"]
    assert manifest.column("split").tolist()[:3] == ["train"] * 3
    gallery = manifest.split("gallery")
    assert sorted(gallery.column("pid")) == ["100", "101", "102"]
    assert len(manifest.split("query")) == 6
    assert manifest.cameras() == manifest.views() == []


def test_draws_survive_a_file_and_hold_the_split(vehicles: Path, tmp_path: Path) -> None:
    manifest = vehicleid(vehicles, size=3, draws=4)
    for name in ("a.csv", "a.parquet"):
        manifest.write(tmp_path / name)
        read = Manifest.read(tmp_path / name)
        test = read.select(read.codes("split", ["query", "gallery"]) >= 0)
        masks = gallery_masks(test)
        assert len(masks) == 4
        assert np.array_equal(masks[0], test.column("split") == "gallery")
        for mask in masks:
            assert sorted(test.select(mask).column("pid")) == ["100", "101", "102"]
        assert gallery_masks(read) == [], "training rows have no draws"


def test_the_seed_decides(vehicles: Path) -> None:
    draws = [vehicleid(vehicles, size=3, seed=seed).column("gallery_draws")[3:].tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_numbers_without_zeros(vehicles: Path) -> None:
    path = vehicles / "train_test_split" / "test_list_3.txt"
    path.write_text("10  100\n13\t100\n")
    assert vehicleid(vehicles, size=3).column("image").tolist()[3:] == ["image/0000010.jpg", "image/0000013.jpg"]


def test_errors(vehicles: Path) -> None:
    with pytest.raises(DataError, match=r"no test_list_800\.txt for size=800; test lists found: test_list_3\.txt"):
        vehicleid(vehicles)
    with pytest.raises(DataError, match="draws: expected 1 to 62"):
        vehicleid(vehicles, size=3, draws=0)
    (vehicles / "image" / "0000010.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 12 listed images are missing: image/0000010\.jpg"):
        vehicleid(vehicles, size=3)
    assert len(vehicleid(vehicles, size=3, strict=False)) == 11
    (vehicles / "train_test_split" / "train_list.txt").write_text("0000001.jpg 50")
    with pytest.raises(DataError, match=r"train_list\.txt: expected lines such as '0211952 14001', came '0000001\.jpg"):
        vehicleid(vehicles, size=3)


def test_an_image_in_two_lists(vehicles: Path) -> None:
    path = vehicles / "train_test_split" / "test_list_3.txt"
    path.write_text(path.read_text() + "0000001 50")
    with pytest.raises(DataError, match=r"train_test_split: 1 images are listed twice: image/0000001\.jpg"):
        vehicleid(vehicles, size=3)


def test_progress(vehicles: Path) -> None:
    calls: list[tuple[int, int]] = []
    manifest = vehicleid(vehicles, size=3, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(manifest), len(manifest))
