import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def finished(run: Run, trained: Path, tiny_csv: Path) -> Path:
    """A run folder with figures, as `resight train` leaves it."""
    assert run("train", trained / "recipe.yaml", "-o", trained, "--resume").code == 0
    return trained


def test_a_page_again_without_the_model(run: Run, finished: Path) -> None:
    first = (finished / "report.html").read_text(encoding="utf-8")
    shutil.rmtree(finished / "model")
    (finished / "report.html").unlink()
    result = run("report", finished)
    assert (result.code, result.out) == (0, "")
    assert result.err == f"page: {finished / 'report.html'}\n"
    again = (finished / "report.html").read_text(encoding="utf-8")
    assert again.count("data:image/jpeg") == first.count("data:image/jpeg") > 0
    assert again.count("data:image/png") == first.count("data:image/png") > 0


def test_several_runs_figures_and_numbers(run: Run, finished: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(finished, tmp_path / "other"))
    page, figures = tmp_path / "ablation.html", tmp_path / "figures"
    result = run("report", finished, other, "-o", page, "--figures", figures, "--title", "Both", "--json")
    assert result.code == 0, result.err
    assert "<h1>Both</h1>" in page.read_text(encoding="utf-8")
    assert result.err.splitlines()[0] == f"page: {page}"
    assert (figures / "cmc.png").is_file()
    assert (figures / "rank_lists_worst_other.svg").is_file()
    assert [one["name"] for one in result.json["runs"]] == ["trained", "other"]
    assert result.json["compared_with_first"]["other"]["mean_ap"]["value"] == 0
    stored = json.loads((finished / "report.json").read_text())
    assert result.json["runs"][0]["report"]["mean_ap"] == stored["mean_ap"]


def test_the_page_of_several_runs_has_a_name_of_its_own(
    run: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("report", finished, finished).code == 0
    assert (tmp_path / "comparison.html").is_file()


def test_evaluations_of_a_run_are_kept_in_it(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    result = run("evaluate", trained, tiny_csv)
    folder = trained / "evaluations" / "tiny"
    assert result.err == f"page: {folder / 'report.html'}\n"
    assert json.loads((folder / "report.json").read_text())["num_query"] == 8
    assert run("evaluate", trained / "model", tiny_csv, "-o", tmp_path / "kept").code == 0
    compared = run("report", folder, tmp_path / "kept", "-o", tmp_path / "page.html", "--json")
    assert compared.code == 0, compared.err
    assert compared.json["compared_with_first"]["kept"]["mean_ap"]["value"] == 0


def test_every_protocol_has_a_folder_of_its_own(run: Run, trained: Path, tiny_csv: Path) -> None:
    ways = {
        "tiny": [],
        "tiny_multi-query": ["--multi-query"],
        "tiny_rerank-4-6-0.3": ["--rerank", "--k1", 4],
        "tiny_cosine_any-camera_both-directions_9-ranks_flip": [
            *("--metric", "cosine", "--any-camera", "--both-directions", "--max-rank", 9, "--flip"),
        ],
    }
    for options in ways.values():
        assert run("evaluate", trained, tiny_csv, *options).code == 0
    assert {folder.name for folder in (trained / "evaluations").iterdir()} == set(ways)
    pages = {name: (trained / "evaluations" / name / "report.html").read_text(encoding="utf-8") for name in ways}
    assert "<dt>evaluate.multi_query</dt><dd>True</dd>" in pages["tiny_multi-query"]
    assert "<dt>evaluate.rerank.k1</dt><dd>4</dd>" in pages["tiny_rerank-4-6-0.3"]
    assert "<dt>evaluate.rerank</dt><dd>none</dd>" in pages["tiny"]


def test_nothing_is_written_where_nothing_is_wanted(run: Run, trained: Path, tiny_csv: Path) -> None:
    assert run("evaluate", trained, tiny_csv, "--no-page").code == 0
    assert run("evaluate", trained / "model", tiny_csv).code == 0
    assert not (trained / "evaluations").exists()


def test_a_missing_extra(run: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run("report", finished)
    assert (result.code, result.out) == (1, "")
    assert "pip install 'resight[report]'" in result.err
    numbers = run("report", finished, "--json")
    assert numbers.code == 0
    assert numbers.json["runs"][0]["name"] == "trained"


def test_folders_that_are_no_runs(run: Run, tmp_path: Path) -> None:
    result = run("report", tmp_path / "missing")
    assert (result.code, result.out) == (1, "")
    assert f"there is no folder {tmp_path / 'missing'}; pass the folder of a run" in result.err
    assert "holds no run and no evaluation" in run("report", tmp_path).err


def test_places_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for options, message in (
        (["-o", tmp_path], f"expected an HTML file, but {tmp_path} is a folder"),
        (["-o", tmp_path / "p.html", "--figures", tmp_path / "file"], "--figures: expected a folder, but"),
    ):
        result = run("report", tmp_path, *options)
        assert result.code == 1
        assert message in result.err
