import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from resight.data.dataset import eval_loader
from resight.data.manifest import Manifest
from resight.inference import embedder
from resight.recipes import TrainRecipe, update
from resight.recipes.run import train
from tests.cli.conftest import Run
from tests.recipes.conftest import TINY


def test_it_repeats_the_numbers_of_the_training(run: Run, trained: Path, tiny_csv: Path) -> None:
    stored = json.loads((trained / "report.json").read_text())
    result = run("evaluate", trained, tiny_csv, "--json")
    assert result.code == 0
    assert result.json["mean_ap"] == pytest.approx(stored["mean_ap"])
    text = run("evaluate", trained / "model", tiny_csv)
    assert text.out.startswith(f"mAP {stored['mean_ap']:.1%}  Rank-1 ")
    assert text.out.splitlines()[-1] == (
        "protocol: squared euclidean, across cameras, one direction, not mirrored, 50 ranks"
    )
    assert text.err == ""


def test_the_protocol_of_the_training_is_the_default(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    changes = {
        "data": {"source": tiny_csv, "both_directions": True},
        "evaluate": {"cross_camera": False, "flip": True, "metric": "cosine", "max_rank": 5},
        "train": {"epochs": 1},
    }
    train(update(update(TrainRecipe(), TINY), changes), tmp_path / "run")
    stored = json.loads((tmp_path / "run" / "report.json").read_text())
    found = run("evaluate", tmp_path / "run", tiny_csv, "--batch-size", 256, "--json").json
    protocol = found.pop("protocol")
    for name, value in stored.items():
        assert found[name] == (value if isinstance(value, list) else pytest.approx(value)), name
    assert protocol == {
        "metric": "cosine", "cross_camera": False, "both_directions": True, "max_rank": 5, "rerank": None, "flip": True,
        "multi_query": False,
    }  # fmt: skip
    others = ["--metric", "euclidean", "--cross-camera", "--one-direction", "--max-rank", 7, "--no-flip"]
    other = run("evaluate", tmp_path / "run", tiny_csv, *others, "--json").json
    assert other["protocol"] == {
        "metric": "euclidean", "cross_camera": True, "both_directions": False, "max_rank": 7, "rerank": None,
        "flip": False, "multi_query": False,
    }  # fmt: skip
    assert (other["num_query"], len(other["cmc"])) == (8, 7)
    assert run("evaluate", tmp_path / "run", tiny_csv, "--metric", "manhattan").code == 2


def test_re_ranking(run: Run, trained: Path, tiny_csv: Path) -> None:
    again = run("evaluate", trained, tiny_csv, "--rerank", "--k1", 4, "--lambda", 0.5, "--json").json
    assert again["protocol"]["rerank"] == {"k1": 4, "k2": 6, "weight": 0.5}
    text = run("evaluate", trained, tiny_csv, "--rerank").out
    assert text.splitlines()[-1].endswith("50 ranks, re-ranked with k1 20, k2 6, lambda 0.3")
    refused = run("evaluate", trained, tiny_csv, "--k1", 4)
    assert refused.code == 1
    assert "pass --rerank as well" in refused.err


def test_re_ranking_of_the_training_is_the_default(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    changes = {"data": {"source": tiny_csv}, "evaluate": {"rerank": "transreid"}, "train": {"epochs": 1}}
    train(update(update(TrainRecipe(), TINY), changes), tmp_path / "run")
    found = run("evaluate", tmp_path / "run", tiny_csv, "--json").json
    assert found["protocol"]["rerank"] == {"k1": 50, "k2": 15, "weight": 0.3}
    assert found["mean_ap"] == json.loads((tmp_path / "run" / "report.json").read_text())["mean_ap"]
    changed = run("evaluate", tmp_path / "run", tiny_csv, "--k2", 1, "--json").json
    assert changed["protocol"]["rerank"] == {"k1": 50, "k2": 1, "weight": 0.3}
    assert run("evaluate", tmp_path / "run", tiny_csv, "--no-rerank", "--json").json["protocol"]["rerank"] is None


def test_a_card_with_an_impossible_protocol(run: Run, trained: Path, tiny_csv: Path) -> None:
    path = trained / "model" / "card.json"
    card = json.loads(path.read_text())
    card["protocol"]["metric"] = "manhattan"
    path.write_text(json.dumps(card))
    result = run("evaluate", trained, tiny_csv)
    assert result.code == 1
    assert "the model's card has an impossible protocol: metric: " in result.err
    assert len(result.err.splitlines()) == 1


def test_workers(run: Run, trained: Path, tiny_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def loader(*arguments: Any, workers: int, **others: Any) -> Any:
        seen.append(workers)
        return eval_loader(*arguments, workers=0, **others)

    monkeypatch.setattr(embedder, "eval_loader", loader)
    assert run("evaluate", trained, tiny_csv, "--workers", 3).code == 0
    assert seen == [3, 3]


def test_options_reach_the_protocol(run: Run, trained: Path, tiny_csv: Path) -> None:
    plain = run("evaluate", trained, tiny_csv, "--json").json
    both = run("evaluate", trained, tiny_csv, "--both-directions", "--json").json
    assert (plain["num_query"], both["num_query"]) == (8, 16)
    same = run("evaluate", trained, tiny_csv, "--any-camera", "--json").json
    assert same["chance_mean_ap"] > plain["chance_mean_ap"]
    assert run("evaluate", trained, tiny_csv, "--flip", "--batch-size", 3).code == 0


def test_multi_query(run: Run, trained: Path, tiny_csv: Path) -> None:
    result = run("evaluate", trained, tiny_csv, "--multi-query")
    assert result.out.splitlines()[-1].endswith(", 50 ranks, several images a query")
    numbers = run("evaluate", trained, tiny_csv, "--multi-query", "--json").json
    assert numbers["protocol"]["multi_query"] is True
    single = run("evaluate", trained, tiny_csv, "--json").json
    assert numbers["average_precision"] != single["average_precision"]
    for option in ("--any-camera", "--both-directions"):
        refused = run("evaluate", trained, tiny_csv, "--multi-query", option)
        assert refused.code == 1
        assert "needs an evaluation across cameras, in one direction" in " ".join(refused.err.split())


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


def test_places_that_cannot_be_written_are_told_first(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    for options, message in (
        (["--no-page", "-o", tmp_path / "x"], "--no-page writes nothing"),
        (["-o", tiny_csv], "expected a folder, but"),
        (["--page", tmp_path], "expected an HTML file, but"),
    ):
        result = run("evaluate", trained, tiny_csv, *options)
        assert (result.code, result.out) == (1, "")
        assert message in result.err


def test_a_stored_evaluation_says_how_it_was_made(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    said = run("evaluate", trained, tiny_csv, "--multi-query", "--json", "-o", tmp_path / "e").json
    assert json.loads((tmp_path / "e" / "report.json").read_text())["protocol"] == said["protocol"]
    settings = json.loads((tmp_path / "e" / "evaluation.json").read_text())["settings"]["evaluate"]
    assert (settings["multi_query"], settings["both_directions"]) == (True, False)


def test_options_are_grouped(run: Run) -> None:
    text = run("evaluate", "--help").out
    places = [text.index(name) for name in ("--workers", "Protocol", "--metric", "Re-ranking", "--k1", "Output")]
    assert places == sorted(places)
