"""What a choice may write, and where it may not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from resight.data.shards.pack import pack
from resight.errors import DataError
from resight.filtering.quality import QualityLimits
from resight.filtering.score_file import ScoreFile, write_scores
from resight.recipes.filter_keep import Choice, choose
from resight.recipes.filter_output import claim_choice, require_free, write_kept
from tests.filtering.toy import write_pool


def scores(folder: Path, pool: str = "x") -> ScoreFile:
    names = pa.array([f"{row}.jpg" for row in range(6)], pa.large_string())
    values = {name: pa.array(np.arange(6), pa.float32()) for name in ("cfs", "width")}
    table = pa.table({"image": names, "pool_key": names, **values})
    write_scores([table], folder / "scores.parquet", columns=("cfs", "width"), about={"pool": pool})
    return ScoreFile(folder / "scores.parquet")


def test_none_kept_is_no_manifest(tmp_path: Path) -> None:
    found = scores(tmp_path)
    with pytest.raises(DataError, match="not one image is kept"):
        write_kept(found, choose(found, Choice(3, ("cfs",), QualityLimits(min_width=7))), tmp_path)
    assert not (tmp_path / "kept.parquet").exists()


def test_a_choice_is_written_beside_its_scores_or_over_one_from_them(tmp_path: Path) -> None:
    found, other = scores(tmp_path / "one"), scores(tmp_path / "other", pool="y")
    alone = tmp_path / "alone"
    for folder in (tmp_path / "one", tmp_path / "new", alone):
        claim_choice(folder, found)
    write_kept(found, choose(found, Choice(3, ("cfs",))), alone)
    claim_choice(alone, found)
    for given in (other, None):
        with pytest.raises(DataError, match="not a choice from these scores"):
            claim_choice(alone, given)
        with pytest.raises(DataError, match="holds other scores"):
            claim_choice(tmp_path / "one", given)


@pytest.mark.parametrize("again", [False, True])
def test_shards_go_to_a_free_folder_or_go_on(tmp_path: Path, again: bool) -> None:
    for name in ("empty", "begun/.packing", "full/mine"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("new", "empty", "begun"):
        require_free(None, tmp_path / name, tmp_path / "out", again=again)
    (tmp_path / "file").touch()
    for name, message in {"full": "is not empty", "file": "is or lies under a file", "file/x": "lies under"}.items():
        with pytest.raises(DataError, match=f"{name} .*{message}"):
            require_free(None, tmp_path / name, tmp_path / "out", again=again)
    for name in ("new", "new/out"):
        with pytest.raises(DataError, match="new is where the choice itself is written"):
            require_free(None, tmp_path / "new", tmp_path / name, again=again)


def test_complete_shards_are_left_alone_unless_the_command_is_repeated(tmp_path: Path) -> None:
    pack(write_pool(tmp_path / "pool", 2, ()), tmp_path / "shards")
    require_free(None, tmp_path / "shards", tmp_path / "out", again=True)
    with pytest.raises(DataError, match="shards is not empty"):
        require_free(None, tmp_path / "shards", tmp_path / "out", again=False)


def test_a_list_is_not_written_over_unless_the_command_is_repeated(tmp_path: Path) -> None:
    listed, out = tmp_path / "list.pkl", tmp_path / "out"
    require_free(listed, None, out, again=False)
    listed.touch()
    require_free(listed, None, out, again=True)
    with pytest.raises(DataError, match=r"list\.pkl is there already"):
        require_free(listed, None, out, again=False)
    (tmp_path / "folder.pkl").mkdir()
    with pytest.raises(DataError, match=r"folder\.pkl is there already"):
        require_free(tmp_path / "folder.pkl", None, out, again=True)
    with pytest.raises(DataError, match="another folder with --cfs-list"):
        require_free(listed / "list.pkl", None, out, again=False)
