"""Claiming a folder: ours, another set's, the user's own."""

from pathlib import Path

import pytest

from resight.data.synthetic.folder import MARKER, STAMP, claim_folder, finish_folder
from resight.errors import DataError

ARGUMENTS = {"kind": "test", "seed": 0}


def test_an_absent_folder_is_made_and_claimed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert claim_folder(folder, ARGUMENTS)
    assert [path.name for path in folder.iterdir()] == [MARKER]


def test_a_finished_folder_need_not_be_written(tmp_path: Path) -> None:
    claim_folder(tmp_path, ARGUMENTS)
    finish_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [STAMP]
    assert not claim_folder(tmp_path, ARGUMENTS)


def test_a_half_written_folder_is_claimed_again(tmp_path: Path) -> None:
    claim_folder(tmp_path, ARGUMENTS)
    (tmp_path / "file.jpg").write_bytes(b"half")
    assert claim_folder(tmp_path, ARGUMENTS)


def test_a_torn_marker_alone_is_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("{")
    assert claim_folder(tmp_path, ARGUMENTS)


@pytest.mark.parametrize("finished", [True, False])
def test_another_set_is_refused_and_the_difference_named(tmp_path: Path, finished: bool) -> None:
    claim_folder(tmp_path, ARGUMENTS)
    (tmp_path / "file.jpg").write_bytes(b"half")
    if finished:
        finish_folder(tmp_path)
    with pytest.raises(DataError, match="differs in seed"):
        claim_folder(tmp_path, {**ARGUMENTS, "seed": 1})


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_an_unreadable_stamp_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / STAMP).write_text(text)
    with pytest.raises(DataError, match="unreadable"):
        claim_folder(tmp_path, ARGUMENTS)


def test_foreign_files_are_refused_and_kept(tmp_path: Path) -> None:
    own = tmp_path / "thesis.txt"
    own.write_text("mine")
    with pytest.raises(DataError, match=r"thesis\.txt"):
        claim_folder(tmp_path, ARGUMENTS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("mine")
    with pytest.raises(DataError, match="found a file"):
        claim_folder(tmp_path / "set", ARGUMENTS)
