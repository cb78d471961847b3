import logging
import pickle
from pathlib import Path

import pytest

from resight.data.convert import luperson
from resight.errors import DataError

CROPS = [
    "germany/berlin/00000001_0001.jpg",
    "germany/berlin/00000002_0001.jpg",
    "japan/東京/clip/00000001_0002.jpg",
    "peru/lima/00000009_0001.jpg",
]


@pytest.fixture
def lup(fill, odd_parent: Path) -> Path:
    return fill(odd_parent, *(f"images/{name}" for name in CROPS), "images/peru/Thumbs.db", "readme.txt")


@pytest.fixture
def ranked(lup: Path) -> list[str]:
    """A list in another order than the paths', as the released one is called."""
    names = [CROPS[2], CROPS[0], CROPS[3]]
    (lup / "CFS_list.pkl").write_bytes(pickle.dumps(names, protocol=2))
    return names


def test_all_crops(lup: Path) -> None:
    for folder in (lup, lup / "images"):
        manifest = luperson(folder)
        assert manifest.column("image").tolist() == CROPS
        assert manifest.root == lup / "images"
        assert manifest.identities() == manifest.cameras() == []


def test_a_list_is_used_when_asked_for(lup: Path, ranked: list[str]) -> None:
    assert len(luperson(lup)) == 4
    assert luperson(lup, keep=2).column("image").tolist() == ranked[:2]
    assert luperson(lup, cfs_list=lup / "CFS_list.pkl").column("image").tolist() == ranked
    (lup / "CFS_list.pkl").rename(lup / "cfs_list.pkl")
    assert luperson(lup, keep=1).column("image").tolist() == ranked[:1]
    (lup / "best.txt").write_text("\r\n".join(ranked), encoding="utf-8")
    assert luperson(lup, cfs_list=lup / "best.txt", keep=3).column("image").tolist() == ranked


@pytest.mark.parametrize("keep", [0, -1, 4])
def test_keep_fits_the_list(lup: Path, ranked: list[str], keep: int) -> None:
    with pytest.raises(DataError, match=rf"keep: expected 1 to 3, .*CFS_list\.pkl holds, came {keep}"):
        luperson(lup, keep=keep)


def test_missing(lup: Path, ranked: list[str], caplog: pytest.LogCaptureFixture) -> None:
    (lup / "images" / ranked[1]).unlink()
    with pytest.raises(DataError, match=r"1 of 3 listed images are missing: germany/berlin/00000001_0001\.jpg"):
        luperson(lup, keep=3)
    with caplog.at_level(logging.WARNING):
        assert luperson(lup, keep=3, strict=False).column("image").tolist() == [ranked[0], ranked[2]]
    (lup / "CFS_list.pkl").unlink()
    with pytest.raises(DataError, match=r"keep needs a list, .*CFS_list\.pkl or cfs_list\.pkl; .*cfs_list=PATH"):
        luperson(lup, keep=1)


def test_a_list_names_each_crop_once(lup: Path) -> None:
    (lup / "CFS_list.pkl").write_bytes(pickle.dumps([CROPS[0], CROPS[1], CROPS[0]]))
    assert len(luperson(lup, keep=2)) == 2
    with pytest.raises(DataError, match=r"CFS_list\.pkl: 1 images are listed twice: germany/berlin/00000001_0001\.jpg"):
        luperson(lup, keep=3)


def test_home_is_understood(lup: Path, ranked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(lup))
    assert len(luperson(lup, cfs_list=Path("~/CFS_list.pkl"))) == len(ranked)


@pytest.mark.parametrize("content", [{"a": 1}, [], [1, 2], "abc", None])
def test_other_pickles(lup: Path, content: object) -> None:
    (lup / "CFS_list.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=r"CFS_list\.pkl: expected a pickled list of image paths, came .*\.txt"):
        luperson(lup, keep=1)


def test_progress(lup: Path, ranked: list[str]) -> None:
    calls: list[tuple[int, int]] = []
    manifest = luperson(lup, keep=3, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(manifest), len(manifest))
    luperson(lup, progress=lambda *call: calls.append(call))
    assert calls[-1] == (8, 8)
