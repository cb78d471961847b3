"""Several processes, and a kill in the middle of the work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.data.shards.verify import verify

SLOW = """
import sys, time
from resight.data.manifest import Manifest
from resight.data.shards import writer, workers
from resight.data.shards.pack import pack

read = writer.packed_image
def slowly(path, box):
    time.sleep(0.03)
    return read(path, box)
writer.packed_image = slowly  # a worker process imports this file as well

if __name__ == "__main__":
    pack(Manifest.read(sys.argv[1]), sys.argv[2], rows_per_shard=4, workers=int(sys.argv[3]))
"""


def test_two_processes_write_what_one_does(crops: Manifest, shards: Path, tmp_path: Path) -> None:
    (crops.root / "20.jpg").rename(crops.root / "x.jpg")
    seen: list[tuple[int, int]] = []
    packed = pack(crops, tmp_path / "set", rows_per_shard=10, workers=2, progress=lambda *now: seen.append(now))
    assert (packed.shards.rows, packed.shards.skipped) == (23, 1)
    assert seen[-1] == (24, 24)
    for name in ("00000.tar", "00001.tar"):
        assert (tmp_path / "set" / name).read_bytes() == (shards / name).read_bytes()
    assert verify(tmp_path / "set")[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_while_packing(crops: Manifest, tmp_path: Path, workers: int) -> None:
    """What was finished is not written again, and the set is the same in the end."""
    crops.write(crops.root / "crops.parquet")
    (tmp_path / "slow.py").write_text(SLOW)
    folder = tmp_path / "set"
    command = [sys.executable, tmp_path / "slow.py", crops.root / "crops.parquet", folder, str(workers)]
    process = subprocess.Popen(command)
    _wait_for(lambda: len(list((folder / ".packing").glob("0*.npz"))) >= 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_for(lambda: not _running(folder))
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    finished = {path.name.removesuffix(".npz") for path in (folder / ".packing").glob("0*.npz")}
    assert len(finished) < 6
    packed = pack(crops, folder, rows_per_shard=4)
    assert packed.kept == len(finished) >= 2
    assert all((folder / name).stat().st_mtime_ns == kept[name] for name in finished)
    pack(crops, tmp_path / "whole", rows_per_shard=4)
    for path in (tmp_path / "whole").iterdir():
        assert path.name == "rows.parquet" or path.read_bytes() == (folder / path.name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (tmp_path / "whole").iterdir()
    )
    assert [open_pool(folder).key(row) for row in (0, 23)] == ["000000000", "000000023"]
    assert verify(folder)[1] == []


def _wait_for(condition: object) -> None:
    for _ in range(600):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    pytest.fail("it took more than 30 seconds")


def _running(folder: Path) -> bool:
    """Whether a process still has a file of the folder open."""
    if not Path("/proc/self/fd").is_dir():
        time.sleep(2)
        return False
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()).startswith(str(folder)):
                return True
        except OSError:
            continue
    return False
