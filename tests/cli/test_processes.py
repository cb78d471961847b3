"""Commands under torchrun: two processes with gloo do what one does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from resight.data.manifest import Manifest
from resight.filtering.score_file import ScoreFile
from resight.recipes.pretrain_build import dump_pretrain_recipe
from tests.cli.conftest import Run
from tests.recipes.pretrain_runs import tiny_pretraining

pytestmark = pytest.mark.slow


def torchrun(*arguments: object) -> str:
    """What two processes print."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "resight.cli.main", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_two_processes_embed_and_evaluate_as_one(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    alone = run("embed", trained, tiny_csv, "-o", tmp_path / "one.npy", "--batch-size", 5, "--json")
    together = json.loads(torchrun("embed", trained, tiny_csv, "-o", tmp_path / "two.npy", "--batch-size", 5, "--json"))
    assert together["count"] == alone.json["count"]
    assert np.array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy"))
    assert (
        json.loads(torchrun("evaluate", trained, tiny_csv, "--json"))
        == run("evaluate", trained, tiny_csv, "--json").json
    )


def test_two_processes_filter_together(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    """Training is that of a larger batch, so two processes are compared with one in all that comes after it."""
    recipe, out = tmp_path / "tiny.yaml", tmp_path / "two"
    content = dump_pretrain_recipe(tiny_pretraining(tiny_csv.parent))
    content["data"]["source"] = None
    recipe.write_text(yaml.safe_dump(content))
    one_epoch = ["train.epochs=1", "schedule.warmup_epochs=0", "data.batch_size=8"]
    words = ["--pool", tiny_csv, "--workers", 0, "--target", tiny_csv, "--json"]
    told = json.loads(torchrun("filter", *words, "--proxy", recipe, *one_epoch, "-o", out))
    assert told["count"] == 16
    given = ["--source", out / "source", "--target-proxy", out / "target"]
    assert run("filter", *words, *given, "-o", tmp_path / "one").code == 0
    for name in ("cfs", "nearest", "sharpness"):
        both = [ScoreFile(folder / "scores.parquet").scores(name) for folder in (out, tmp_path / "one")]
        assert np.allclose(*both, atol=1e-6)
    again = json.loads(torchrun("filter", "--scores", out, "--keep", 4, "-o", tmp_path / "again", "--json"))
    assert again["count"] == len(Manifest.read(tmp_path / "again" / "kept.parquet")) == 4


def test_two_processes_take_a_list(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    names = Manifest.read(tiny_csv).column("image").tolist()
    (tmp_path / "list.txt").write_text("\n".join(names))
    words = ["--list", tmp_path / "list.txt", "--pool", tiny_csv, "--keep", 5, "-o", tmp_path / "out", "--json"]
    assert json.loads(torchrun("filter", *words))["count"] == 5
    assert Manifest.read(tmp_path / "out" / "kept.parquet").column("pool_key").tolist() == names[:5]
