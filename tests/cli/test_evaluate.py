import json
import shutil
from pathlib import Path

import pytest

from resight.data.manifest import Manifest
from tests.cli.conftest import Run


def test_it_repeats_the_numbers_of_the_training(run: Run, trained: Path, tiny_csv: Path) -> None:
    stored = json.loads((trained / "report.json").read_text())
    result = run("evaluate", trained, tiny_csv, "--json")
    assert result.code == 0
    assert result.json["mean_ap"] == pytest.approx(stored["mean_ap"])
    text = run("evaluate", trained / "model", tiny_csv)
    assert text.out.startswith(f"mAP {stored['mean_ap']:.1%}  Rank-1 ")
    assert text.err == ""


def test_options_reach_the_protocol(run: Run, trained: Path, tiny_csv: Path) -> None:
    plain = run("evaluate", trained, tiny_csv, "--json").json
    both = run("evaluate", trained, tiny_csv, "--both-directions", "--json").json
    assert (plain["num_query"], both["num_query"]) == (8, 16)
    same = run("evaluate", trained, tiny_csv, "--any-camera", "--json").json
    assert same["chance_mean_ap"] > plain["chance_mean_ap"]
    assert run("evaluate", trained, tiny_csv, "--flip", "--batch-size", 3).code == 0


def test_page(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    result = run("evaluate", trained, tiny_csv, "--page", tmp_path / "a" / "page.html")
    assert result.err == f"page: {tmp_path / 'a' / 'page.html'}\n"
    assert "Rank lists" in (tmp_path / "a" / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("missing", "there is no folder missing; expected a model folder"),
        (".", "is no model folder: it has no card.json"),
    ],
)
def test_wrong_model_folder(
    run: Run, tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("evaluate", model, tiny_csv)
    assert result.code == 1
    assert message in result.err


def test_data_without_a_test(run: Run, trained: Path, tiny_manifest: Manifest, tmp_path: Path) -> None:
    tiny_manifest.split("train").write(tmp_path / "train.csv")
    result = run("evaluate", trained, tmp_path / "train.csv")
    assert result.code == 1
    assert (
        f"neither query nor gallery rows; make a split with: resight data split {tmp_path / 'train.csv'}" in result.err
    )


def test_a_folder_without_format(run: Run, trained: Path, tmp_path: Path) -> None:
    result = run("evaluate", trained, tmp_path)
    assert result.code == 1
    assert "is a folder; say how to read it" in result.err
    assert "no converter 'market'; did you mean market1501?" in run("evaluate", trained, tmp_path, "-f", "market").err


def test_a_joined_test_set_is_reported_by_set_and_together(
    run: Run, trained: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(tiny_csv.parent, tmp_path / "copy")) / "tiny.csv"
    joined = tmp_path / "joined.parquet"
    assert run("data", "join", tiny_csv, f"other={copy}", "-o", joined).code == 0
    lines = run("evaluate", trained, joined).out.splitlines()
    assert [line.split(": ")[0] for line in lines[:4:2]] == ["other", "tiny"]
    assert lines[3] == "8 queries against 8 gallery images"
    assert lines[5] == "16 queries against 16 gallery images"
    numbers = run("evaluate", trained, joined, "--json").json
    alone = run("evaluate", trained, tiny_csv, "--json").json
    assert numbers["datasets"]["tiny"]["num_query"] == alone["num_query"] == 8
    assert "datasets" not in alone
