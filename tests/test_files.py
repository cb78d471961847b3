"""Files are whole or not there."""

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
