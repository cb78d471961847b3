import pickle
from pathlib import Path

import numpy as np
import pytest

from resight.data.convert.luperson import luperson
from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.data.shards.pack import pack
from resight.errors import DataError
from resight.filtering.list_names import names_of_pool
from resight.filtering.published_list import score_by_list, write_list
from resight.filtering.score_file import ScoreFile
from resight.filtering.scoring import score_pool
from resight.filtering.selection import select_top
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


@pytest.mark.parametrize("place", ["LUP/images", "LUP", ".", "man"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_manifest_of_luperson_is_listed_wherever_it_lies(
    lup: Path, tmp_path: Path, place: str, is_packed: bool
) -> None:
    """`LUP/images/deep` is the folder of most rows: their paths are relative, and all others absolute."""
    write_pool(lup / "images" / "deep", 2, ())
    (tmp_path / place).mkdir(exist_ok=True)
    luperson(lup).select([0, 1, 2, 4, 5, 6, 7]).write(tmp_path / place / "luperson.parquet")
    source: Path | Manifest = tmp_path / place / "luperson.parquet"
    if is_packed:
        pack(Manifest.read(source), tmp_path / "shards", rows_per_shard=4)
        source = tmp_path / "shards"
    names = ["deep/01.png", "02.png", "00.png", "05.png", "01.png", "deep/00.png", "04.png"]
    (tmp_path / "CFS_list.txt").write_text("\n".join([*names, "03.png"]))
    scores = score_by_list(open_pool(source), tmp_path / "CFS_list.txt", tmp_path / "out")
    assert scores.scores("listed").tolist() == [6, 4, 7, 2, 5, 3, 8]
    write_list(scores, scores.scores("listed"), tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_text().split() == names


def test_a_manifest_inside_the_images(lup: Path, tmp_path: Path) -> None:
    """Some of its paths are relative, the others absolute; shards of it cannot be named, for the folder is lost."""
    write_pool(lup / "images" / "deep", 2, ())
    place = lup / "images" / "deep" / "luperson.parquet"
    luperson(lup).select([0, 6, 7]).write(place)
    write_list(scored(place, tmp_path / "out"), np.arange(3, dtype=np.float32), tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().split() == ["deep/01.png", "deep/00.png", "00.png"]
    pack(Manifest.read(place), tmp_path / "shards")
    with pytest.raises(DataError, match="some of the paths that they had before packing are absolute"):
        names_of_pool(open_pool(tmp_path / "shards"))


@pytest.mark.parametrize("prefix", ["", "images/", "LUP/images/", "/data/LUP/images/"])
@pytest.mark.parametrize("part", ["images", "images/a"])
def test_a_list_is_read_whatever_folder_it_starts_from(lup: Path, tmp_path: Path, prefix: str, part: str) -> None:
    for folder in "ab":
        write_pool(lup / "images" / folder, 2, ())
    (tmp_path / "list.txt").write_text("".join(f"{prefix}{name}\n" for name in ("b/01.png", "a/01.png", "a/00.png")))
    scores = score_by_list(open_pool(lup / part), tmp_path / "list.txt", tmp_path).scores("listed")
    assert scores[~np.isnan(scores)].tolist() == ([1, 2, 3] if part == "images" else [1, 2])


def test_other_folders_are_listed_from_the_lowest_one(tmp_path: Path) -> None:
    for folder in "ab":
        write_pool(tmp_path / "crops" / folder, 2, ())
    write_list(scored(tmp_path / "crops", tmp_path / "out"), np.arange(4, dtype=np.float32), tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().split() == ["b/01.png", "b/00.png", "a/01.png", "a/00.png"]


def test_columns_of_the_user_name_no_image(lup: Path, tmp_path: Path) -> None:
    own = open_pool(lup).manifest().select([0, 1, 2])
    own = own.with_column("source", ["market", "duke", "market"]).with_column("key", ["z", "y", "x"])
    write_list(scored(own, tmp_path / "out"), np.array([1, 3, 2], dtype=np.float32), tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().split() == ["01.png", "02.png", "00.png"]
    again = score_by_list(open_pool(own), tmp_path / "list.txt", tmp_path)
    assert again.scores("listed").tolist() == [1, 3, 2]
    pack(own, tmp_path / "shards")
    assert names_of_pool(open_pool(tmp_path / "shards")).names().to_pylist() == ["00.png", "01.png", "02.png"]


def test_paths_that_stand_for_several_images_make_no_list(lup: Path, tmp_path: Path) -> None:
    twice = Manifest.concat([open_pool(lup).manifest()] * 2)
    with pytest.raises(DataError, match=r"6 paths stand for more than one, such as '.*/00\.png'"):
        names_of_pool(open_pool(twice))


def test_equal_scores_are_listed_as_they_are_kept(lup: Path, tmp_path: Path) -> None:
    pool = open_pool(lup).manifest().select([5, 4, 2, 1, 0])
    pack(pool, tmp_path / "shards")
    scores = scored(tmp_path / "shards", tmp_path / "out")
    same = np.ones(5, dtype=np.float32)
    kept = select_top(same, 2, scores.keys)
    write_list(scores, same, tmp_path / "list.txt")
    names = (tmp_path / "list.txt").read_text().split()
    assert set(names[:2]) == {"05.png", "04.png"} == {f"0{[5, 4, 2, 1, 0][row]}.png" for row in np.flatnonzero(kept)}


def test_listed_images_that_the_pool_lacks_are_told(
    lup: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "list.txt").write_text("".join(f"{row:02d}.png\n" for row in range(20)))
    score_by_list(open_pool(lup), tmp_path / "list.txt", tmp_path)
    assert "14 of 20 listed images are not in the pool, such as 06.png, 07.png, 08.png, 09.png, 10.png;" in caplog.text
    caplog.clear()
    (tmp_path / "list.txt").write_text("00.png\n")
    score_by_list(open_pool(lup), tmp_path / "list.txt", tmp_path)
    assert not caplog.text


def test_a_column_of_the_user_is_kept(lup: Path, tmp_path: Path) -> None:
    own = open_pool(lup).manifest().select([0, 1]).with_column("listed", ["x", "y"])
    (tmp_path / "list.txt").write_text("01.png\n00.png\n")
    scores = score_by_list(open_pool(own), tmp_path / "list.txt", tmp_path)
    assert scores.scores("listed").tolist() == [1, 2]
    assert Manifest.read(scores.path).column("listed").tolist() == ["x", "y"]


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
    with pytest.raises(DataError, match=r"not one image .* in the list; its first: x\.jpg; the pool's: .*/00\.png"):
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
