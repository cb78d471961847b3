import logging
from pathlib import Path

import pytest

from resight.data.convert import msmt17
from resight.errors import DataError

LISTS = {
    "list_train.txt": ["0000/0000_000_01_0303morning_0008_0.jpg 0", "0001/0001_000_15_0303noon_0009_1_ex.jpg 1"],
    "list_val.txt": ["0000/0000_001_02_0303morning_0010_0.jpg 0"],
    "list_query.txt": ["0000/0000_000_03_0113afternoon_0011_0.jpg 0"],
    "list_gallery.txt": ["0000/0000_001_14_0113afternoon_0012_0.jpg 0", "0010/0010_000_04_0114noon_0013_2.jpg 10"],
}


@pytest.fixture
def msmt(fill, odd_parent: Path) -> Path:
    """First release, lists with CRLF, blank lines and a byte order mark, and images that no list names."""
    for name, lines in LISTS.items():
        folder = "train" if name in ("list_train.txt", "list_val.txt") else "test"
        fill(odd_parent, *(f"{folder}/{line.split()[0]}" for line in lines))
        (odd_parent / name).write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode())
    return fill(odd_parent, "train/0000/Thumbs.db", "train/0000/0000_009_01_0303morning_0099_0.jpg")


def test_train_and_test_identities_are_other_people(msmt: Path) -> None:
    manifest = msmt17(msmt)
    assert manifest.column("image").tolist() == [
        "train/0000/0000_000_01_0303morning_0008_0.jpg",
        "train/0001/0001_000_15_0303noon_0009_1_ex.jpg",
        "train/0000/0000_001_02_0303morning_0010_0.jpg",
        "test/0000/0000_000_03_0113afternoon_0011_0.jpg",
        "test/0000/0000_001_14_0113afternoon_0012_0.jpg",
        "test/0010/0010_000_04_0114noon_0013_2.jpg",
    ]
    pids = ["train_0000", "train_0001", "train_0000", "test_0000", "test_0000", "test_0010"]
    assert manifest.column("pid").tolist() == pids
    assert manifest.column("camid").tolist() == ["1", "15", "2", "3", "14", "4"]
    assert manifest.column("split").tolist() == ["train"] * 3 + ["query"] + ["gallery"] * 2


def test_without_val(msmt: Path) -> None:
    assert len(msmt17(msmt, val=False).split("train")) == 2
    (msmt / "list_val.txt").unlink()
    assert len(msmt17(msmt, val=False)) == 5
    with pytest.raises(DataError, match=r"list_val\.txt: expected a list .* no such file"):
        msmt17(msmt)


def test_second_release(msmt: Path) -> None:
    (msmt / "train").rename(msmt / "mask_train_v2")
    with pytest.raises(
        DataError, match=r"expected train/ and test/ \(V1\) or mask_train_v2/ .*found: mask_train_v2, t"
    ):
        msmt17(msmt)
    (msmt / "test").rename(msmt / "mask_test_v2")
    manifest = msmt17(msmt)
    assert manifest.column("image")[0] == "mask_train_v2/0000/0000_000_01_0303morning_0008_0.jpg"
    assert manifest.validate(check_files=True) == []


def test_missing_images(msmt: Path, caplog: pytest.LogCaptureFixture) -> None:
    (msmt / "test/0010/0010_000_04_0114noon_0013_2.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 6 listed images are missing: test/0010/.*strict=false"):
        msmt17(msmt)
    with caplog.at_level(logging.WARNING):
        assert len(msmt17(msmt, strict=False)) == 5
    assert "1 of 6 listed images are missing" in caplog.text


@pytest.mark.parametrize(
    "line", ["0000/0000_000_01_x_0008_0.jpg", "0000/0000_000_01_x.jpg zero", "0000/cat.jpg 0", "0000_01.jpg 0", "0 0"]
)
def test_odd_lines(msmt: Path, line: str) -> None:
    (msmt / "list_query.txt").write_text(line)
    with pytest.raises(DataError, match=r"list_query\.txt: expected lines such as .* came"):
        msmt17(msmt)


def test_a_line_in_two_lists(msmt: Path) -> None:
    (msmt / "list_val.txt").write_text(LISTS["list_train.txt"][0])
    with pytest.raises(DataError, match=r"1 images are listed twice: train/0000/0000_000_01_0303morning_0008_0\.jpg"):
        msmt17(msmt)


def test_progress(msmt: Path) -> None:
    calls: list[tuple[int, int]] = []
    manifest = msmt17(msmt, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(manifest), len(manifest))
