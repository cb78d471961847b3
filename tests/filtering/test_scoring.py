"""The pass over a pool: what it writes, and that a kill costs nothing but time."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import torch

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.errors import DataError, ModelFormatError
from resight.filtering.blocks import Blocks
from resight.filtering.codes import CodeWriter, read_codes
from resight.filtering.kept_file import write_kept_rows
from resight.filtering.score import ForgettingScorer
from resight.filtering.score_file import ScoreFile
from resight.filtering.scoring import PassSettings, _Batches, score_pool
from tests.filtering.toy import DAMAGED, Watcher, space, turned, write_pool

SETTINGS = PassSettings(batch_size=3, rows_per_block=8)


@pytest.fixture
def pool(tmp_path: Path) -> Manifest:
    return write_pool(tmp_path / "pool")


def expected_red(count: int = 40) -> np.ndarray:
    values = 5 * np.arange(count, dtype=np.float32) + 5
    values[list(DAMAGED)] = np.nan
    return values


@pytest.mark.parametrize("workers", [0, 1])
def test_every_image_gets_its_scores(pool: Manifest, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    told = []
    settings = PassSettings(batch_size=3, rows_per_block=8, workers=workers)
    scores = score_pool(
        open_pool(pool), [Watcher()], out, settings=settings, progress=lambda done, total: told.append((done, total))
    )
    assert scores.columns == ("mean", "red", "few", "number")
    assert np.array_equal(scores.scores("red"), expected_red(), equal_nan=True)
    np.testing.assert_allclose(scores.scores("mean"), expected_red(), rtol=1e-5)
    numbers = np.arange(40, dtype=np.float32)
    numbers[list(DAMAGED)] = np.nan
    assert np.array_equal(scores.scores("number"), numbers, equal_nan=True)
    manifest = Manifest.read(out / "scores.parquet")
    assert [manifest.image_path(row) for row in range(40)] == [pool.image_path(row) for row in range(40)]
    assert manifest.column("camid").tolist() == pool.column("camid").tolist()
    assert {path.name for path in out.iterdir()} == {"scores.parquet", "damaged.csv"}
    damaged = pa.csv.read_csv(out / "damaged.csv").to_pydict()
    assert damaged["row"] == list(DAMAGED)
    assert all("truncated" in reason or "cannot" in reason for reason in damaged["error"])
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("moment", [0, 7, 8, 22, 39])
def test_a_stopped_pass_goes_on(pool: Manifest, tmp_path: Path, moment: int) -> None:
    first, second = Watcher(fail_at=moment), Watcher()
    with pytest.raises(InterruptedError):
        score_pool(open_pool(pool), [first], tmp_path / "out", settings=SETTINGS)
    (tmp_path / "out" / ".scoring" / ".000004.npz.tmp").write_bytes(b"half a block")
    scores = score_pool(open_pool(pool), [second], tmp_path / "out", settings=SETTINGS)
    assert np.array_equal(scores.scores("red"), expected_red(), equal_nan=True)
    finished = set(range(moment // 8 * 8)) - set(DAMAGED)
    assert not finished & set(second.seen), "what was finished is not scored again"
    assert finished | set(second.seen) == set(range(40)) - set(DAMAGED)
    again = Watcher()
    score_pool(open_pool(pool), [again], tmp_path / "out", settings=SETTINGS)
    assert not again.seen


def test_the_same_bits_however_it_was_done(pool: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InterruptedError):
        score_pool(open_pool(pool), [Watcher(fail_at=20)], tmp_path / "stopped", settings=SETTINGS)
    tables = []
    for name in ("stopped", "whole"):
        score_pool(open_pool(pool), [Watcher()], tmp_path / name, settings=SETTINGS)
        tables.append(pa.parquet.read_table(tmp_path / name / "scores.parquet"))
    assert tables[0].equals(tables[1])


def test_a_packed_pool(pool: Manifest, tmp_path: Path) -> None:
    sound = pool.select([row for row in range(40) if row not in DAMAGED])
    pack(sound, tmp_path / "shards", rows_per_shard=10)
    scores = score_pool(open_pool(tmp_path / "shards"), [Watcher()], tmp_path / "out", settings=SETTINGS)
    assert np.array_equal(scores.scores("red"), expected_red()[~np.isnan(expected_red())])
    chosen = Manifest.read(scores.path).select([30, 2])
    pixels = [open_pool(chosen).pixels(row)[0, 0, 0] for row in range(2)]
    assert pixels == scores.scores("red")[[30, 2]].tolist()
    assert len(set(scores.keys(np.arange(38)).to_pylist())) == 38


@pytest.mark.parametrize("file", ["scores.parquet", "damaged.csv"])
def test_a_pass_stopped_at_its_very_end(
    pool: Manifest, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file is the last that appeared, the list of damaged images is not lost, and no block stays behind."""
    move = Path.replace

    def stopping(path: Path, target: Path) -> Path:
        move(path, target)
        if target.name == file:
            raise InterruptedError
        return target

    monkeypatch.setattr(Path, "replace", stopping)
    with pytest.raises(InterruptedError):
        score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=SETTINGS)
    monkeypatch.undo()
    again = Watcher()
    score_pool(open_pool(pool), [again], tmp_path / "out", settings=SETTINGS)
    assert not again.seen
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"scores.parquet", "damaged.csv"}


def test_a_pool_of_millions_of_rows_is_not_listed(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path, 10**12, 1000)
    batches = iter(_Batches(blocks, range(len(blocks)), 300))
    edges = [0, 300, 600, 900, 1000, 1300]
    assert [next(batches) for _ in range(5)] == [list(range(*pair)) for pair in itertools.pairwise(edges)]


def test_other_numbers_or_pixels_do_not_go_on(pool: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InterruptedError):
        score_pool(open_pool(pool), [Watcher(fail_at=20)], tmp_path / "out", settings=SETTINGS)
    half = replace(SETTINGS, autocast=torch.bfloat16)
    with pytest.raises(DataError, match=r"other settings \(precision differ\)"):
        score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=half)
    score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=replace(SETTINGS, batch_size=5, workers=1))
    with pytest.raises(DataError, match="other scorers or settings"):
        score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=half)


def test_another_pass_does_not_go_on(pool: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InterruptedError):
        score_pool(open_pool(pool), [Watcher(fail_at=20)], tmp_path / "out", settings=SETTINGS)
    with pytest.raises(DataError, match=r"other settings \(pool, rows differ\)"):
        score_pool(open_pool(pool.select(range(39))), [Watcher()], tmp_path / "out", settings=SETTINGS)
    with pytest.raises(DataError, match=r"\(scorers differ\)"):
        score_pool(open_pool(pool), [ForgettingScorer(space(), [space()])], tmp_path / "out", settings=SETTINGS)
    score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=SETTINGS)
    with pytest.raises(DataError, match="of another pool"):
        score_pool(open_pool(pool.select(range(39))), [Watcher()], tmp_path / "out", settings=SETTINGS)


def test_another_pool_does_not_harm_the_codes(pool: Manifest, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    space = Watcher().space
    for given, fails_at, refused in ((pool, 35, InterruptedError), (pool.select(range(20)), None, DataError)):
        codes = CodeWriter(space, tmp_path / "out" / "codes.bin", len(given))
        with pytest.raises(refused):
            score_pool(open_pool(given), [Watcher(fails_at), codes], tmp_path / "out", settings=SETTINGS)
        codes.close()
    codes = CodeWriter(space, tmp_path / "out" / "codes.bin", len(pool))
    score_pool(open_pool(pool), [Watcher(), codes], tmp_path / "out", settings=SETTINGS)
    codes.close()
    found = read_codes(tmp_path / "out" / "codes.bin", len(pool))
    assert np.flatnonzero(~found.any(axis=1)).tolist() == list(DAMAGED)


def test_columns_of_the_pool_stay_as_they_are(pool: Manifest, tmp_path: Path) -> None:
    own = {"red": ["dark", "light"] * 20, "filter_red": list(range(40)), "pool_key": ["old"] * 40}
    for name, values in own.items():
        pool = pool.with_column(name, values)
    scores = score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=SETTINGS)
    assert np.array_equal(scores.scores("red"), expected_red(), equal_nan=True)
    assert scores.columns == ("mean", "red", "few", "number")
    assert scores.keys(np.array([2])).to_pylist() == ["02.png"]
    write_kept_rows(scores, np.arange(40) % 2 == 0, tmp_path / "kept.parquet")
    kept = Manifest.read(tmp_path / "kept.parquet")
    assert kept.column("red").tolist() == ["dark"] * 20
    assert kept.column("filter_red").tolist() == list(range(0, 40, 2))
    assert np.array_equal(kept.column("filter_filter_red"), expected_red()[::2], equal_nan=True)


def test_blocks_of_damaged_images_alone(tmp_path: Path) -> None:
    pool = write_pool(tmp_path / "pool", 12, damaged=(0, 1, 2, 3, 8, 9, 10, 11))
    settings = PassSettings(batch_size=4, rows_per_block=4)
    scores = score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=settings)
    assert np.isnan(scores.scores("red")).tolist() == [True] * 4 + [False] * 4 + [True] * 4
    nothing = write_pool(tmp_path / "nothing", 4, damaged=(0, 1, 2, 3))
    with pytest.raises(DataError, match="not one of the 4 images can be read"):
        score_pool(open_pool(nothing), [Watcher()], tmp_path / "none", settings=settings)


def test_what_cannot_be_scored(pool: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different names"):
        score_pool(open_pool(pool), [Watcher(), Watcher()], tmp_path / "out", settings=SETTINGS)
    with pytest.raises(ValueError, match="different names, came none"):
        score_pool(open_pool(pool), [], tmp_path / "out", settings=SETTINGS)
    broken = ForgettingScorer(space(), [space(lambda images: turned(images) * torch.nan, "broken")])
    with pytest.raises(ModelFormatError, match=r"cfs.* is not finite.*new folder with --precision fp32.*--source"):
        score_pool(open_pool(pool), [broken], tmp_path / "out", settings=SETTINGS)


def test_finished_scores_of_nets_are_found_again(pool: Manifest, tmp_path: Path) -> None:
    nets = [ForgettingScorer(space(), [space(turned, "target")])]
    scores = score_pool(open_pool(pool), nets, tmp_path / "out", settings=SETTINGS)
    again = score_pool(open_pool(pool), nets, tmp_path / "out", settings=SETTINGS)
    assert again.about == scores.about
    with pytest.raises(DataError, match="other scorers or settings"):
        score_pool(open_pool(pool), [ForgettingScorer(space(), [space()])], tmp_path / "out", settings=SETTINGS)


def test_scores_read_again(pool: Manifest, tmp_path: Path) -> None:
    score_pool(open_pool(pool), [Watcher()], tmp_path / "out", settings=SETTINGS)
    scores = ScoreFile(tmp_path / "out" / "scores.parquet")
    assert scores.about["scorers"] == [{"scorer": "watcher"}]
