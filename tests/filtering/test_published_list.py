import pickle
from pathlib import Path

import numpy as np
import pytest

from resight.data.convert.luperson import luperson
from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.errors import DataError
from resight.filtering.published_list import score_by_list, write_list
from resight.filtering.score_file import ScoreFile
from resight.filtering.scoring import score_pool
from tests.filtering.toy import Watcher, write_pool

DAMAGED = (3,)
ORDER = [5, 0, 2, 1, 4]
VALUES = np.array([4, 2, 3, np.nan, 2, 9], dtype=np.float32)  # rows 1 and 4 are equal: by key


@pytest.fixture
def lup(tmp_path: Path) -> Path:
    """As LUPerson lies on disk: LUP/images/00.png and so on."""
    write_pool(tmp_path / "LUP" / "images", 6, DAMAGED)
    return tmp_path / "LUP"


def scored(source: Path | Manifest, out: Path) -> ScoreFile:
    return score_pool(open_pool(source), [Watcher()], out)


@pytest.mark.parametrize("suffix", [".pkl", ".txt"])
def test_written_as_published_and_read_by_our_converter(lup: Path, tmp_path: Path, suffix: str) -> None:
    scores = scored(lup, tmp_path / "out")
    path = tmp_path / f"CFS_list{suffix}"
    assert write_list(scores, VALUES, path) == 5
    names = [f"{row:02d}.png" for row in ORDER]
    content = pickle.loads(path.read_bytes()) if suffix == ".pkl" else path.read_text().split()
    assert content == names, "relative to LUP/images, the best first"
    assert luperson(lup, cfs_list=path, keep=3).column("image").tolist() == names[:3]


def test_read_as_scores(lup: Path, tmp_path: Path) -> None:
    write_list(scored(lup, tmp_path / "out"), VALUES, tmp_path / "list.pkl")
    again = score_by_list(open_pool(lup), tmp_path / "list.pkl", tmp_path)
    values = again.scores("listed")
    assert np.argsort(-values[~np.isnan(values)]).tolist() == [4, 0, 2, 1, 3]
    assert np.isnan(values).tolist() == [False] * 3 + [True] + [False] * 2


def test_shards_are_listed_by_what_they_were_packed_from(lup: Path, tmp_path: Path) -> None:
    manifest = open_pool(lup).manifest()
    pack(manifest, tmp_path / "shards", rows_per_shard=4)
    scores = scored(tmp_path / "shards", tmp_path / "out")
    write_list(scores, VALUES[~np.isnan(VALUES)], tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().split() == [f"{row:02d}.png" for row in ORDER]
    values = score_by_list(open_pool(tmp_path / "shards"), tmp_path / "list.txt", tmp_path).scores("listed")
    assert values.tolist() == [4, 2, 3, 1, 5]


def test_many_names_are_one_plain_pickle(tmp_path: Path) -> None:
    from resight.filtering.published_list import _pickled

    names = [f"ä/{number}.jpg" for number in range(2500)]
    assert pickle.loads(b"".join(_pickled(names))) == names
    assert pickle.loads(b"".join(_pickled([]))) == []


def test_what_cannot_be_listed_or_read(lup: Path, tmp_path: Path) -> None:
    scores = scored(lup, tmp_path / "out")
    with pytest.raises(DataError, match=r"ends in \.pkl or \.txt"):
        write_list(scores, VALUES, tmp_path / "list.csv")
    boxed = open_pool(lup).manifest().select([0, 1])
    for name in ("box_x", "box_y", "box_w", "box_h"):
        boxed = boxed.with_column(name, [1.0, 1.0])
    with pytest.raises(DataError, match="boxes in images"):
        write_list(scored(boxed, tmp_path / "boxed"), np.ones(2, dtype=np.float32), tmp_path / "list.txt")
    (tmp_path / "other.txt").write_text("x.jpg\n")
    with pytest.raises(DataError, match=r"not one image of the pool is in the list; its first: x\.jpg"):
        score_by_list(open_pool(lup), tmp_path / "other.txt", tmp_path)
    assert not (tmp_path / "scores.parquet").exists()
    (tmp_path / "twice.txt").write_text("00.png\n00.png\n")
    with pytest.raises(DataError, match="listed twice"):
        score_by_list(open_pool(lup), tmp_path / "twice.txt", tmp_path)


def test_an_at_sign_in_a_name_is_no_box(tmp_path: Path) -> None:
    manifest = write_pool(tmp_path / "pool", 2, ())
    (tmp_path / "pool" / "00.png").rename(tmp_path / "pool" / "me@home.png")
    pool = Manifest.from_columns({"image": ["me@home.png", "01.png"]}, manifest.root)
    write_list(scored(pool, tmp_path / "out"), np.array([2, 1], dtype=np.float32), tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().split() == ["me@home.png", "01.png"]
