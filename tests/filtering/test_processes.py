"""Processes that are killed, and processes that work together."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.filtering.nearest import target_features
from resight.filtering.scoring import PassSettings, score_pool
from resight.recipes.filter_keep import Choice, choose
from tests.filtering.toy import DAMAGED, Watcher, write_pool

pytestmark = pytest.mark.slow
SETTINGS = PassSettings(batch_size=3, rows_per_block=8)
ROOT = Path(__file__).parents[2]
WANTED = (1, 9, 17, 38)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "pool.parquet"
    write_pool(tmp_path / "pool").write(path)
    return path


def start(*words: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_killed_pass_goes_on(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for row, finished in ((10, 1), (30, 3)):
        ended = start("tests.filtering.killed", pool, out, row)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert len(list((out / ".scoring").glob("*.npz"))) == finished
    watcher = Watcher()
    scores = score_pool(open_pool(pool), [watcher], out, settings=SETTINGS)
    assert watcher.seen == list(range(24, 40)), "the rows of the two blocks that were not finished"
    whole = score_pool(open_pool(pool), [Watcher()], tmp_path / "whole", settings=SETTINGS)
    for name in scores.columns[:3]:
        assert np.array_equal(scores.scores(name), whole.scores(name), equal_nan=True)


def test_two_processes_are_one(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    ended = start(*launcher, "tests.filtering.several", pool, out, *WANTED)
    assert ended.returncode == 0, ended.stderr
    told = [json.loads((out / f"{rank}.json").read_text()) for rank in range(2)]
    assert sorted(told[0]["seen"] + told[1]["seen"]) == [row for row in range(40) if row not in DAMAGED]
    assert min(len(one["seen"]) for one in told) >= 14, "both have their share"
    alone = score_pool(open_pool(pool), [Watcher()], tmp_path / "one", settings=SETTINGS)
    one, two = (Manifest.read(tmp_path / name / "scores.parquet").table for name in ("one", "two"))
    assert one.equals(two)
    assert (tmp_path / "one" / "damaged.csv").read_text() == (tmp_path / "two" / "damaged.csv").read_text()
    features = target_features(Watcher().space, open_pool(pool), SETTINGS).tolist()
    assert told[0]["features"] == told[1]["features"] == features
    for number, wanted in enumerate(WANTED):
        expected = np.flatnonzero(choose(alone, Choice(wanted, ("few",))).rows).tolist()
        assert told[0]["kept"][number] == told[1]["kept"][number] == expected
