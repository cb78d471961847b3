import sys
from pathlib import Path

import pytest
import torch

from resight.errors import TrainingError
from resight.train.checkpoint import load_checkpoint, save_checkpoint


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a" / "last.pt"
    save_checkpoint(path, {"epoch": 3, "sums": {"loss": 0.1}, "model": {"weight": torch.arange(3.0)}})
    state = load_checkpoint(path)
    assert state["epoch"] == 3
    assert state["sums"] == {"loss": 0.1}
    assert torch.equal(state["model"]["weight"], torch.arange(3.0))
    assert [file.name for file in path.parent.iterdir()] == ["last.pt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"epoch": 1})

    def full(state: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match=r"last\.pt could not be written \(disk full\); the one before it is kept"):
        save_checkpoint(path, {"epoch": 2})
    assert load_checkpoint(path)["epoch"] == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_where_the_system_refuses_to_write_more(tmp_path: Path) -> None:
    """A limit of the operating system on file sizes fails as a full disk does: in the middle of a write."""
    import resource

    path = tmp_path / "last.pt"
    save_checkpoint(path, {"epoch": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(TrainingError, match=r"could not be written .*; the one before it is kept"):
            save_checkpoint(path, {"epoch": 2, "weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_checkpoint(path)["epoch"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".last.pt.tmp").write_bytes(b"half a checkpoint")
    save_checkpoint(tmp_path / "last.pt", {"epoch": 2})
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no checkpoint at .*last\.pt; start the run without resuming"):
        load_checkpoint(tmp_path / "last.pt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half"])
def test_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"last\.pt is not a checkpoint that can be read") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"model": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(TrainingError, match="is not a checkpoint that can be read"):
        load_checkpoint(path)


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    path, victim = tmp_path / "last.pt", tmp_path / "victim"

    class Attack:
        def __reduce__(self) -> tuple:
            return Path.touch, (victim,)

    torch.save({"format_version": Attack()}, path)
    with pytest.raises(TrainingError, match="is not a checkpoint that can be read"):
        load_checkpoint(path)
    assert not victim.exists()


def test_foreign_and_other_format(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(TrainingError, match="not a training checkpoint of resight"):
        load_checkpoint(path)
    save_checkpoint(path, {"format_version": 99})
    with pytest.raises(TrainingError, match="has format 99, but this version of resight reads 1"):
        load_checkpoint(path)
