import os
import signal
import sys
from pathlib import Path

import pytest

from resight.errors import TrainingError
from resight.train import hold_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")


def test_the_second_one_is_refused_until_the_first_has_left(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    with hold_folder(folder):
        with pytest.raises(TrainingError, match=f"another process is training in {folder}"), hold_folder(folder):
            pass
        with hold_folder(tmp_path / "other"):
            pass
    assert list(folder.iterdir()) == []
    with hold_folder(folder):
        pass


def test_an_error_inside_releases_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold_folder(tmp_path):
        raise KeyError
    with hold_folder(tmp_path):
        pass


def test_a_kill_releases_it(tmp_path: Path) -> None:
    ready, say = os.pipe()
    child = os.fork()
    if child == 0:
        with hold_folder(tmp_path):
            os.write(say, b"x")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(TrainingError), hold_folder(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / ".lock").is_file()
    with hold_folder(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(TrainingError, match="choose another folder"), hold_folder(path):
            pass
