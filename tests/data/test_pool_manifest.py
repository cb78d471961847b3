import gc
import multiprocessing
import pickle
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from resight.data.manifest import Manifest
from resight.data.pool_manifest import ManifestPool


def _read_all(pool: ManifestPool, pipe: Connection) -> None:
    pipe.send([pool.pixels(row).shape for row in range(len(pool))])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_reads(tiny_manifest: Manifest, method: str) -> None:
    boxed = tiny_manifest
    for name, value in {"box_x": 0.0, "box_y": 0.0, "box_w": 9.0, "box_h": 9.0}.items():
        boxed = boxed.with_column(name, [value, *[None] * 31])
    pool = ManifestPool(boxed)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context(method).Process(target=_read_all, args=(pool, theirs))
    process.start()
    assert ours.recv() == [(9, 9, 3), *[(64, 32, 3)] * 31]
    assert [pool.key(row) for row in range(2)] == ["0001_c1_0.png@0,0,9,9", "0001_c1_1.png"]
    process.join()


def test_what_is_sent_to_a_process_is_small_and_leaves_nothing(
    tiny_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pool = ManifestPool(tiny_manifest)
    sent = pickle.dumps(pool)
    assert len(sent) < 500
    assert pickle.dumps(pool) == sent
    assert len(list(tmp_path.glob("resight-pool-*.arrow"))) == 1
    other = pickle.loads(sent)
    assert [other.read(row) for row in range(32)] == [pool.read(row) for row in range(32)]
    del pool
    gc.collect()
    assert not list(tmp_path.glob("resight-pool-*.arrow"))
    assert other.key(31) == "0008_c2_1.png"


def test_rows(tiny_manifest: Manifest) -> None:
    pool = ManifestPool(tiny_manifest)
    for row in (-1, 32):
        with pytest.raises(IndexError, match=f"row {row} of a pool of 32"):
            pool.read(row)
