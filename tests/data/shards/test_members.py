import io
import tarfile
from pathlib import Path

import pytest

from resight.data.shards.members import Member, end_of_tar, member_bytes, member_place, name_at, read_member, walk_tar
from resight.errors import DataError


def write(path: Path, files: dict[str, bytes], **options: object) -> Path:
    """By `tarfile`, as anyone else would."""
    with tarfile.open(path, "w", **options) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_paths() -> None:
    member = Member("a/b#1.tar", "c/d#+1.jpg", 1536, 99)
    assert member.path == "a/b#1.tar#1536+99/c/d#+1.jpg"
    assert member_place(member.path) == member
    assert member_place(Path(member.path)) == member
    assert member_place("a.TAR#0+1\\b\\c.jpg") == Member("a.TAR", "b/c.jpg", 0, 1)
    for other in ("a.tar", "a.tar#b.jpg", "a.tar#1+2", "a.tar#1+2/", "a.zip#1+2/b.jpg", "a.tar#-1+2/b.jpg", "#.jpg"):
        assert member_place(other) is None, other


def test_what_we_write_is_a_tar(tmp_path: Path) -> None:
    files = {"000.jpg": b"", "人.jpg": b"x" * 512, "f/" + "k" * 90 + ".png": b"y" * 513}
    data = b"".join(member_bytes(name, content) for name, content in files.items())
    data += end_of_tar(len(data))
    assert len(data) % tarfile.RECORDSIZE == 0
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    with tarfile.open(path) as tar:
        assert {info.name: tar.extractfile(info).read() for info in tar} == files  # type: ignore[union-attr]
    found = list(walk_tar(path))
    assert {member.name: read_member(member) for member in found} == files
    for member in found:
        assert name_at(data[member.offset - 512 : member.offset]) == member.name
        assert read_member(member_place(member.path) or member) == files[member.name]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_others(tmp_path: Path, form: int) -> None:
    files = {"./a/1.jpg": b"one", "long/" * 40 + "2.jpg": b"two", "人" * 50 + ".jpg": b"three"}
    found = list(walk_tar(write(tmp_path / "a.tar", files, format=form)))
    assert [member.name for member in found] == [name.removeprefix("./") for name in files]
    assert [read_member(member) for member in found] == list(files.values())


def test_a_member_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", {"1.jpg": b"one", "2.jpg": b"two"})
    first, second = walk_tar(path)
    for wrong in (
        first._replace(name="2.jpg"),
        first._replace(size=2),
        first._replace(offset=first.offset + 1),
        second._replace(offset=0),
        Member(str(path), "", 1024, 0),
    ):
        with pytest.raises(OSError, match=r"does not hold|ends before"):
            read_member(wrong)
    with pytest.raises(FileNotFoundError):
        read_member(first._replace(tar="other.tar"))
    path.write_bytes(path.read_bytes()[: second.offset + 1])
    assert read_member(first) == b"one"
    with pytest.raises(OSError, match=r"a\.tar is cut short: it ends before the end of '2\.jpg'; copy it again"):
        read_member(second)


def test_damaged_tars(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", {"1.jpg": b"1" * 2000, "2.jpg": b"2" * 2000})
    whole = path.read_bytes()
    second = list(walk_tar(path))[1]
    for length in (second.offset + 100, 700, 100):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.tar cannot be read as a tar: .*; copy it again if it was cut short"):
            list(walk_tar(path))
    path.write_bytes(b"no tar" * 500)
    with pytest.raises(DataError, match="cannot be read as a tar"):
        list(walk_tar(path))
    write(path, {"1.jpg": b"1"})
    with tarfile.open(tmp_path / "b.tar", "w:gz") as tar:
        tar.add(path)
    with pytest.raises(DataError, match="unpack it if it is compressed"):
        list(walk_tar(tmp_path / "b.tar"))


def test_a_name_that_no_header_holds() -> None:
    with pytest.raises(ValueError, match="name is too long"):
        member_bytes("k" * 101, b"")
    assert name_at(b"\xff" * 512) == ""
