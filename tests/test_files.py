"""Files are whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from resight.files import whole_file


def test_the_file_appears_with_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    """A writer that puts a file of its own there, for one user only, does not."""
    with whole_file(tmp_path / "plain") as temporary:
        temporary.write_text("new")
    with whole_file(tmp_path / "private") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    assert (tmp_path / "private").stat().st_mode == (tmp_path / "plain").stat().st_mode
    old = os.umask(0o027)
    try:
        with whole_file(tmp_path / "group") as temporary:
            temporary.chmod(0o600)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "group").stat().st_mode) == 0o640


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("ha")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_half()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file.txt"]


def test_what_a_kill_left_behind_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".file.txt.tmp").write_text("half of something long")
    with whole_file(tmp_path / "file.txt") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "file.txt").read_text() == "whole"
    assert [file.name for file in tmp_path.iterdir()] == ["file.txt"]
