import errno
import logging
import multiprocessing
import os
import pickle
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from resight.data.crop_cache import CropCache, open_crop_cache
from resight.data.manifest import Manifest
from resight.data.transforms import TrainTransform

SIZE = (10, 7)  # 210 bytes, no whole number of words
TRANSFORM = TrainTransform(SIZE)
ROWS = 200
FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def opened(manifest: Manifest, folder: Path, **changes: object) -> CropCache:
    settings = {"transform": TRANSFORM, "decoder": "pillow", "limit": 2**20, "folder": folder, **changes}
    cache = open_crop_cache(manifest, **settings)
    assert cache is not None
    return cache


def crop(row: int) -> Tensor:
    return torch.randint(0, 256, (3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(row))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A cache of 200 rows, empty."""
    path = tmp_path / "some.crops"
    with path.open("wb") as file:
        file.truncate(4096 + ROWS * 216)
    return path


def test_what_is_written_is_read(tiny_manifest: Manifest, tmp_path: Path) -> None:
    cache = opened(tiny_manifest, tmp_path / "cache")
    assert cache.read(3) is None
    cache.write(3, crop(3))
    cache.write(0, torch.zeros(3, *SIZE, dtype=torch.uint8))
    again = opened(tiny_manifest, tmp_path / "cache")
    for reader in (cache, again, pickle.loads(pickle.dumps(cache))):
        assert torch.equal(reader.read(3), crop(3))
        assert reader.read(0).count_nonzero() == 0
        assert reader.read(2) is None
    kept = cache.read(3)
    kept.zero_()
    assert torch.equal(cache.read(3), crop(3)), "what is read is a copy"


@pytest.mark.parametrize(
    "change",
    [
        {"transform": replace(TRANSFORM, image_size=(7, 10))},
        {"transform": replace(TRANSFORM, interpolation="bilinear")},
        {"decoder": "turbo"},
    ],
    ids=["size", "filter", "decoder"],
)
def test_other_pixels_are_another_file(tiny_manifest: Manifest, tmp_path: Path, change: dict) -> None:
    cache = opened(tiny_manifest, tmp_path / "cache")
    cache.write(0, crop(0))
    assert opened(tiny_manifest, tmp_path / "cache", **change).read(0) is None
    same = replace(TRANSFORM, flip=0.0, erase=0.0)  # what comes after the crop does not matter
    assert torch.equal(opened(tiny_manifest, tmp_path / "cache", transform=same).read(0), crop(0))


@pytest.mark.parametrize("change", ["touched", "longer", "gone", "box", "order"])
def test_a_change_of_an_image_is_seen(tiny_manifest: Manifest, tmp_path: Path, change: str) -> None:
    opened(tiny_manifest, tmp_path / "cache").write(0, crop(0))
    image = tiny_manifest.image_path(5)
    if change == "touched":
        os.utime(image, (1, 1))
    elif change == "longer":
        facts = image.stat()
        image.write_bytes(image.read_bytes() + b"x")
        os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    elif change == "gone":
        image.unlink()
    elif change == "box":
        for name in ("box_x", "box_y", "box_w", "box_h"):
            tiny_manifest = tiny_manifest.with_column(name, [4.0] + [None] * 31)
    else:
        tiny_manifest = tiny_manifest.select(range(31, -1, -1))
    assert opened(tiny_manifest, tmp_path / "cache").read(0) is None


def test_a_set_that_is_too_large_is_not_kept(
    tiny_manifest: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needed = 4096 + 32 * 216
    assert open_crop_cache(tiny_manifest, TRANSFORM, "pillow", limit=needed, folder=tmp_path / "a") is not None
    with caplog.at_level(logging.WARNING):
        assert open_crop_cache(tiny_manifest, TRANSFORM, "pillow", limit=needed - 1, folder=tmp_path / "b") is None
    assert "crops are not kept: they need 0.00 GiB, data.cache allows 0.00" in caplog.text
    assert not (tmp_path / "b").exists()


def test_a_folder_that_cannot_be_made_is_no_error(
    tiny_manifest: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert open_crop_cache(tiny_manifest, TRANSFORM, "pillow", limit=2**20, folder=tmp_path / "file" / "cache") is None
    assert "crops are not kept" in caplog.text


def test_a_full_disk_stops_the_writing_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = CropCache(path, ROWS, SIZE)
    cache.write(0, crop(0))
    calls = []

    def full(*arguments: object) -> int:
        calls.append(arguments)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    for row in range(1, 4):
        cache.write(row, crop(row))
    assert len(calls) == 1
    assert caplog.text.count("no more crops are kept") == 1
    assert torch.equal(cache.read(0), crop(0))
    assert cache.read(1) is None


@pytest.mark.parametrize("place", [4096 + 216 * 7, 8 * 7], ids=["crop", "check"])
def test_a_damaged_row_counts_as_absent(path: Path, place: int) -> None:
    cache = CropCache(path, ROWS, SIZE)
    cache.write(7, crop(7))
    cache.write(8, crop(8))
    with path.open("rb+") as file:
        file.seek(place)
        file.write(bytes(8))
    assert cache.read(7) is None
    assert torch.equal(cache.read(8), crop(8))
    cache.write(7, crop(7))
    assert torch.equal(cache.read(7), crop(7))


def _write_for_ever(path: Path) -> None:
    cache = CropCache(path, ROWS, SIZE)
    while True:
        for row in range(ROWS):
            cache.write(row, crop(row))


def _write_once(path: Path, rows: range) -> None:
    cache = CropCache(path, ROWS, SIZE)
    for row in rows:
        cache.write(row, crop(row))


@FORKS
def test_writers_that_are_killed_leave_no_wrong_crop(path: Path) -> None:
    context = multiprocessing.get_context("fork")  # spawn would import torch for many seconds
    writers = [context.Process(target=_write_for_ever, args=(path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    cache = CropCache(path, ROWS, SIZE)
    while cache.read(5) is None:
        time.sleep(0.001)
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        found = {row: cache.read(row) for row in range(ROWS)}
        assert all(torch.equal(read, crop(row)) for row, read in found.items() if read is not None)


@FORKS
def test_several_may_write_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")  # spawn would import torch for many seconds
    orders = (range(ROWS), range(ROWS - 1, -1, -1))
    writers = [context.Process(target=_write_once, args=(path, order)) for order in orders]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    cache = CropCache(path, ROWS, SIZE)
    assert all(torch.equal(cache.read(row), crop(row)) for row in range(ROWS))
