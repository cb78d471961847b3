import argparse
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from resight.errors import ModelFormatError
from resight.models.weights.checkpoint_file import open_checkpoint

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3)}


class _Attack:
    """Unpickled the ordinary way, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("name", ["x.pth", "x.pt", "x.bin", "x.pth.tar"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_torch_files_of_both_formats(tmp_path: Path, name: str, is_zip: bool) -> None:
    torch.save(STATE, tmp_path / name, _use_new_zipfile_serialization=is_zip)
    assert torch.equal(open_checkpoint(tmp_path / name)["a.weight"], STATE["a.weight"])


def test_safetensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "x.safetensors")
    assert torch.equal(open_checkpoint(tmp_path / "x.safetensors")["a.weight"], STATE["a.weight"])


def test_settings_and_numpy_numbers_beside_the_tensors(tmp_path: Path) -> None:
    """What DINO and cluster-contrast store."""
    args = argparse.Namespace(arch="vit_small", crops=[1, 2])
    others = {"args": args, "epoch": np.int64(3), "best": np.float64(0.5), "loss": np.float32(2), "top1": np.int32(4)}
    torch.save({"model": STATE, **others}, tmp_path / "x.pth")
    content = open_checkpoint(tmp_path / "x.pth")
    assert (content["args"], content["epoch"], content["best"]) == (args, 3, 0.5)
    assert (content["loss"], content["top1"]) == (2, 4)


def test_numbers_of_the_first_numpy(tmp_path: Path) -> None:
    """Its module had another name; the bytes here are what it wrote."""
    torch.save({"best": np.float64(0.5)}, tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "x.pth").read_bytes()
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "x.pth").write_bytes(old)
    assert open_checkpoint(tmp_path / "x.pth")["best"] == 0.5


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_is_refused_by_name_and_not_run(tmp_path: Path, is_zip: bool) -> None:
    path = tmp_path / "x.pth"
    torch.save({**STATE, "x": _Attack(tmp_path / "done")}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(ModelFormatError, match=r"asks for \w+\.system, which is code.*save its state_dict\(\) alone"):
        open_checkpoint(path)
    path.write_bytes(pickle.dumps(_Attack(tmp_path / "done"), protocol=2))
    with pytest.raises(ModelFormatError, match=r"x\.pth (was not loaded|is no weight file)"):
        open_checkpoint(path)
    assert not (tmp_path / "done").exists()


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "x.pth")
    with pytest.raises(ModelFormatError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        open_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a text file, saved under a wrong name\n", "is no weight file that can be read"),
        (b"<!DOCTYPE html><html>not found</html>", "is no weight file that can be read"),
        (b"PK\x03\x04 not quite a zip file", "is no weight file that can be read"),
        (bytes(range(256)) * 20, "is no weight file that can be read"),
    ],
)
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_other_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFormatError, match=f"{name} {message}"):
        open_checkpoint(tmp_path / name)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_download_that_stopped_early(tmp_path: Path, is_zip: bool, kept: float) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.rand(100, 100)}, path, _use_new_zipfile_serialization=is_zip)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ModelFormatError, match="is no weight file that can be read, or is damaged"):
        open_checkpoint(path)


def test_a_missing_file_and_a_list(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"there is no weight file .*x\.pth; expected"):
        open_checkpoint(tmp_path / "x.pth")
    torch.save([STATE], tmp_path / "x.pth")
    with pytest.raises(ModelFormatError, match="holds a list, not tensors by name"):
        open_checkpoint(tmp_path / "x.pth")
