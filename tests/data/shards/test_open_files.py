from pathlib import Path

import pytest

from resight.data.shards import open_files
from resight.data.shards.open_files import OpenFiles


def test_the_oldest_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_MOST_OPEN", 2)
    paths = [tmp_path / str(number) for number in range(3)]
    for path in paths:
        path.write_text(f"file {path.name}")
    files = OpenFiles()
    closed: list[int] = []
    close = open_files.os.close
    monkeypatch.setattr(open_files.os, "close", lambda number: (closed.append(number), close(number)))
    assert files.read(paths[0], 5, 1) == b"0"
    assert files.read(paths[1], 5, 9) == b"1"
    assert files.read(paths[0], 0, 4) == b"file"
    assert closed == []
    assert files.read(paths[2], 5, 1) == b"2"
    assert len(closed) == 1
    paths[1].unlink()
    files.announce(paths[0], 0, 4)
    assert files.read(paths[0], 9, 4) == b""
    with pytest.raises(FileNotFoundError):
        files.read(paths[1], 0, 1)
