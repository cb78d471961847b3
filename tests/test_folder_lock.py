import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from resight.errors import TrainingError
from resight.folder_lock import hold_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
training = partial(hold_folder, doing="training", error=TrainingError)


def test_the_second_one_is_refused_until_the_first_has_left(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    with training(folder):
        with (
            pytest.raises(TrainingError, match=f"another process is training in {folder}"),
            training(folder),
        ):
            pass
        with training(tmp_path / "other"):
            pass
    assert list(folder.iterdir()) == []
    with training(folder):
        pass


def test_an_error_inside_releases_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), training(tmp_path):
        raise KeyError
    with training(tmp_path):
        pass


def test_a_kill_releases_it(tmp_path: Path) -> None:
    ready, say = os.pipe()
    child = os.fork()
    if child == 0:
        with training(tmp_path):
            os.write(say, b"x")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(TrainingError), training(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / ".lock").is_file()
    with training(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(TrainingError, match="choose another folder"), training(path):
            pass
