import logging
import os
from pathlib import Path

import pytest

from resight.data.cache_folder import CacheFolder, default_folder, hold


def reserve(folder: CacheFolder, name: str, size: int = 100, limit: float = 250) -> Path | None:
    with folder.reserve(name, size, limit) as path:
        return path


def names(folder: CacheFolder) -> set[str]:
    return {path.name for path in folder.folder.iterdir()} - {".lock"}


def test_a_file_of_that_length_is_made_once(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "new" / "cache")
    path = reserve(folder, "a.crops")
    assert path is not None
    path.write_bytes(b"x" * 100)
    assert reserve(folder, "a.crops") == path
    assert path.read_bytes() == b"x" * 100


def test_a_file_of_another_length_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a.crops").write_bytes(b"xx")
    path = reserve(CacheFolder(tmp_path), "a.crops")
    assert path is not None
    assert path.read_bytes() == bytes(100)


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    (tmp_path / "other.txt").write_bytes(b"x" * 900)
    for age, name in ((30, "a.crops"), (20, "b.crops")):
        path = reserve(folder, name)
        assert path is not None
        os.utime(path, (10**9 - age, 10**9 - age))
    reserve(folder, "a.crops")  # used again
    assert reserve(folder, "c.crops") is not None
    assert names(folder) == {"a.crops", "c.crops", "other.txt"}


def test_a_file_in_use_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = CacheFolder(tmp_path)
    used = [reserve(folder, name) for name in ("a.crops", "b.crops")]
    held = [hold(path) for path in used if path is not None]
    try:
        with caplog.at_level(logging.WARNING):
            assert reserve(folder, "c.crops") is None
        assert "no room for 100 bytes: 200 of 250 are in use" in caplog.text
        assert names(folder) == {"a.crops", "b.crops"}
    finally:
        for file in held:
            os.close(file)
    assert reserve(folder, "c.crops") is not None


def test_a_full_disk_is_left_alone(tmp_path: Path) -> None:
    assert reserve(CacheFolder(tmp_path), "a.crops", 10**18, 10**19) is None
    assert names(CacheFolder(tmp_path)) == set()


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("RESIGHT_CACHE", raising=False)
    assert default_folder() == tmp_path / "resight"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "resight"
    monkeypatch.setenv("RESIGHT_CACHE", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
