import logging
from pathlib import Path

import pytest

from resight.data.convert import market1501
from resight.data.convert.market1501 import NAME
from resight.errors import DataError


def fill(root: Path, **folders: list[str]) -> Path:
    for folder, names in folders.items():
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / name).write_bytes(b"")
    return root


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return fill(
        tmp_path / "run12_c3" / "Market-1501-v15.09.15",  # a parent that looks like a file name
        bounding_box_train=[
            "0007_c3s3_077419_03.jpg",
            "0002_c1s1_000451_03.jpg",
            "Thumbs.db",
            "._0002_c1s1_000451_03.jpg",
        ],
        query=["0001_c1s1_001051_00.JPG"],
        bounding_box_test=["0001_c2s1_001051_01.jpg", "-1_c1s1_000401_03.jpg", "0000_c6s4_002202_01.jpg"],
        gt_query=["0001_c1s1_001051_00_good.mat"],
    )


def test_market(market: Path) -> None:
    manifest = market1501(market)
    assert manifest.root == market
    assert manifest.column("image").tolist() == [
        "bounding_box_train/0002_c1s1_000451_03.jpg",
        "bounding_box_train/0007_c3s3_077419_03.jpg",
        "query/0001_c1s1_001051_00.JPG",
        "bounding_box_test/-1_c1s1_000401_03.jpg",
        "bounding_box_test/0000_c6s4_002202_01.jpg",
        "bounding_box_test/0001_c2s1_001051_01.jpg",
    ]
    assert manifest.column("pid").tolist() == ["0002", "0007", "0001", None, "0000", "0001"]
    assert manifest.column("camid").tolist() == ["1", "3", "1", "1", "6", "2"]
    assert manifest.column("junk").tolist() == [False, False, False, True, False, False]
    assert manifest.column("split").tolist() == ["train"] * 2 + ["query"] + ["gallery"] * 3
    assert manifest.column("sequence").tolist() == [1, 3, 1, 1, 4, 1]
    assert manifest.column("frame").tolist() == [451, 77419, 1051, 401, 2202, 1051]
    assert len(manifest.split("gallery")) == 2
    assert manifest.validate(check_files=True) == []


@pytest.mark.parametrize(
    ("name", "pid", "camid", "sequence", "frame"),
    [
        ("0002_c1s1_000451_03.jpg", "0002", "1", "1", "000451"),
        ("-1_c3s2_000451_03.jpg", "-1", "3", "2", "000451"),
        ("0005_c2_f0046985.jpg", "0005", "2", None, "0046985"),  # DukeMTMC-reID
        ("0001_c1_1_01.png", "0001", "1", None, "1"),  # CUHK03-NP
        ("123456_c015_99.jpg", "123456", "015", None, "99"),
        ("7_c12.jpg", "7", "12", None, None),
        ("7_c12_night.jpg", "7", "12", None, None),
    ],
)
def test_names(name: str, pid: str, camid: str, sequence: str | None, frame: str | None) -> None:
    match = NAME.match(name)
    assert match is not None
    assert match.groupdict() == {"pid": pid, "camid": camid, "sequence": sequence, "frame": frame}


@pytest.mark.parametrize(
    "name", ["cat.jpg", "-2_c1s1_1_0.jpg", "0002_1_000451.jpg", "x0002_c1.jpg", "0002_c.jpg", "2_c1x.jpg"]
)
def test_other_names(name: str) -> None:
    assert NAME.match(name) is None


def test_duke_has_frames_but_no_sequences(tmp_path: Path) -> None:
    manifest = market1501(fill(tmp_path, bounding_box_train=["0005_c2_f0046985.jpg"], query=["0006_c08_f1.png"]))
    assert manifest.column("frame").tolist() == [46985, 1]
    assert manifest.column("camid").tolist() == ["2", "8"]
    assert "sequence" not in manifest.table.column_names


def test_part_of_the_folders_is_enough_but_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, bounding_box_train=["0005_c2_f0046985.jpg"])
    with caplog.at_level(logging.WARNING):
        assert len(market1501(tmp_path)) == 1
    assert "no folder query, bounding_box_test" in caplog.text


def test_odd_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, query=["0001_c1.jpg", "cat.jpg", "dog.png"])
    with pytest.raises(
        DataError, match=r"2 file names do not look like .*: query/cat.jpg, query/dog.png; remove.*option strict=false"
    ):
        market1501(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert market1501(tmp_path, strict=False).column("pid").tolist() == ["0001"]
    assert "2 file names do not look like" in caplog.text


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder with a data set, but it does not exist"):
        market1501(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="but it is a file"):
        market1501(tmp_path / "file")
    (tmp_path / "Market-1501-v15.09.15").mkdir()
    with pytest.raises(
        DataError, match=r"at least one of the folders bounding_box_train.*found: Market-1501-v15\.09\.15"
    ):
        market1501(tmp_path)
    fill(tmp_path, query=["readme.txt"])
    with pytest.raises(DataError, match=r"query: expected images \(\.jpg, \.jpeg, \.png\), came none"):
        market1501(tmp_path)


def test_nothing_but_odd_names(tmp_path: Path) -> None:
    fill(tmp_path, query=["cat.jpg"])
    with pytest.raises(DataError, match="not one file name looks like"):
        market1501(tmp_path, strict=False)
