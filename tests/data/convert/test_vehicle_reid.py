import os
from pathlib import Path

import pytest

from resight.data.convert import vehicle_reid
from resight.errors import DataError

REAL = Path(os.environ.get("RESIGHT_VEHICLE_DATA", Path(__file__).parents[3] / "../shared/data/vehicle-reid"))


@pytest.fixture
def vehicles(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    names = [f"{pid}_cam{camera}.jpg" for pid in ("car_0001", "bus_0002", "truck_0003") for camera in (1, 2)]
    for name in names:
        (tmp_path / "images" / name).write_bytes(b"")
    (tmp_path / "train.txt").write_text("\n".join(reversed(names[:4])) + "\n\n")
    (tmp_path / "val.txt").write_text("\n".join(names[4:]))  # no newline after the last name
    return tmp_path


def test_convert(vehicles: Path) -> None:
    manifest = vehicle_reid(vehicles)
    assert manifest.column("image").tolist()[:2] == ["images/bus_0002_cam1.jpg", "images/bus_0002_cam2.jpg"]
    assert manifest.column("pid").tolist() == ["bus_0002"] * 2 + ["car_0001"] * 2 + ["truck_0003"] * 2
    assert manifest.column("camid").tolist() == ["1", "2"] * 3
    assert manifest.column("split").tolist() == ["train"] * 4 + ["query", "gallery"]
    assert manifest.column("vehicle_type").tolist() == ["bus", "bus", "car", "car", "truck", "truck"]


def test_the_other_direction(vehicles: Path) -> None:
    assert vehicle_reid(vehicles, query_camera="2").column("split").tolist() == ["train"] * 4 + ["gallery", "query"]
    with pytest.raises(DataError, match="query_camera: expected '1' or '2', came '3'"):
        vehicle_reid(vehicles, query_camera="3")


def test_bad_lists(vehicles: Path) -> None:
    lists = vehicles / "val.txt"
    good = lists.read_text()
    lists.write_text(good + "\ncar_0001_cam1.jpg\n")
    with pytest.raises(DataError, match=r"1 images are listed twice: car_0001_cam1\.jpg"):
        vehicle_reid(vehicles)
    lists.write_text(good + "\ncar_0009_cam1.jpg\n")
    with pytest.raises(DataError, match=r"1 listed images are missing: car_0009_cam1\.jpg; restore"):
        vehicle_reid(vehicles)
    (vehicles / "images" / "odd.jpg").write_bytes(b"")
    lists.write_text("odd.jpg")
    with pytest.raises(DataError, match=r"expected names such as car_0088_cam2\.jpg in the lists, came 'odd\.jpg'"):
        vehicle_reid(vehicles)
    lists.write_text("\n")
    with pytest.raises(DataError, match=r"val\.txt: .*the list is empty"):
        vehicle_reid(vehicles)
    lists.unlink()
    with pytest.raises(DataError, match=r"val\.txt: expected a list .* there is no such file"):
        vehicle_reid(vehicles)
    with pytest.raises(DataError, match="does not exist"):
        vehicle_reid(vehicles / "absent")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the vehicle set is not at {REAL}; set RESIGHT_VEHICLE_DATA")
def test_real_set() -> None:
    manifest = vehicle_reid(REAL)
    assert {name: len(manifest.split(name)) for name in ("train", "query", "gallery")} == {
        "train": 810,
        "query": 102,
        "gallery": 102,
    }
    assert len(manifest.split("train").identities()) == 405
    assert manifest.split("query").identities() == manifest.split("gallery").identities()
    assert set(manifest.column("vehicle_type")) == {"bus", "car", "motorcycle", "truck"}
    assert manifest.validate(check_files=True) == []
