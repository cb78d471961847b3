import json
from pathlib import Path

import pytest

import resight
from resight.data.manifest import Manifest
from tests.cli.conftest import Run


def test_the_card_keeps_it_and_evaluate_checks_it(run: Run, trained: Path, tiny_csv: Path) -> None:
    result = run("calibrate", trained, tiny_csv, "--threshold-at-fpr", 0.05, "--gallery-size", 100)
    assert result.code == 0
    assert result.err == f"model: {trained / 'model'}\n"
    lines = result.out.splitlines()
    assert lines[0] == "learned from 8 pairs of one identity and 48 of two, 4 identities, across cameras"
    assert lines[1].startswith("test on other identities, prior 0.5: mean error ")
    assert "precision with 1 match in 100 rows" in result.out
    assert lines[-1].startswith("threshold at FPR 0.05: squared euclidean distance below ")
    calibration = resight.load(trained).card.calibration
    assert calibration is not None
    assert lines[-1].endswith(f"{calibration.threshold_at_fpr(0.05):.6g}")
    assert 0 < calibration.probability(4.0) <= calibration.probability(0.0) < 1
    assert "calibration of the model on these pairs: mean error " in run("evaluate", trained, tiny_csv).out


def test_json_and_another_folder(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    before = (trained / "model" / "card.json").read_bytes()
    other = tmp_path / "other"
    found = run("calibrate", trained, tiny_csv, "-o", other, "--prior", 0.1, "--threshold-at-fpr", 0.1, "--json").json
    assert (trained / "model" / "card.json").read_bytes() == before
    stored = json.loads((other / "card.json").read_text())["calibration"]
    assert stored == found["calibration"]
    assert stored["prior"] == 0.1
    assert (found["left_out"], found["model"], found["threshold"]["fpr"]) == (0, str(other), 0.1)
    assert [row["fpr"] for row in found["table"]] == [0.1]
    assert run("embed", other, tiny_csv, "-o", tmp_path / "x.npy").code == 0


def test_identities_of_the_training_are_left_out_and_said(
    run: Run, trained: Path, tiny_manifest: Manifest, tmp_path: Path
) -> None:
    split = tiny_manifest.column("split")
    split[-4:] = ["train", "gallery", "query", "gallery"]
    tiny_manifest.with_column("split", split).write(tiny_manifest.root / "mixed.csv")
    result = run("calibrate", trained, tiny_manifest.root / "mixed.csv")
    assert result.err.splitlines()[0] == "left out: 3 query and gallery rows of identities that have train rows"
    assert result.out.startswith("learned from 6 pairs of one identity and 24 of two, 3 identities")
    assert "too few identities to test it" in result.err
    kept = run("calibrate", trained, tiny_manifest.root / "mixed.csv", "--train-identities")
    assert kept.out.startswith("learned from 7 pairs of one identity")


def test_bad_input(run: Run, trained: Path, tiny_manifest: Manifest, tiny_csv: Path) -> None:
    root = tiny_manifest.root
    pid, split = tiny_manifest.column("pid"), tiny_manifest.column("split")
    tiny_manifest.split("train").write(root / "train.csv")
    assert "and the data has none; make some" in run("calibrate", trained, root / "train.csv").err
    tiny_manifest.select(pid == "0005").write(root / "one.csv")
    assert "all 2 pairs show one identity" in run("calibrate", trained, root / "one.csv").err
    apart = ((split == "query") & (pid < "0007")) | ((split == "gallery") & (pid >= "0007"))
    tiny_manifest.select(apart).write(root / "apart.csv")
    assert "no pair of one identity among the queries" in run("calibrate", trained, root / "apart.csv").err
    certain = run("calibrate", trained, tiny_csv, "--prior", 1)
    assert "--prior: expected a fraction between 0 and 1, came 1" in certain.err
    assert run("calibrate", trained, tiny_csv, "--threshold-at-fpr", 2).code == 1
    small = run("calibrate", trained, tiny_csv, "--threshold-at-fpr", 0.001)
    assert "0.001 cannot be measured on 48 pairs of two identities; ask for 0.021 or more" in small.err
    hub = run("calibrate", "someone/model", tiny_csv)
    assert "there is no folder someone/model; to calibrate a model of the hub" in hub.err
    assert resight.load(trained).card.calibration is None, "nothing is kept of what failed"


@pytest.mark.parametrize("column", ["camid", "weather"])
def test_evaluate_by_a_column(run: Run, trained: Path, tiny_manifest: Manifest, column: str) -> None:
    weather = [["rain", "sun", None][i % 3] for i in range(len(tiny_manifest))]
    tiny_manifest.with_column("weather", weather).write(tiny_manifest.root / "weather.csv")
    result = run("evaluate", trained, tiny_manifest.root / "weather.csv", "--by", column)
    assert result.code == 0
    assert f"{column}  " in result.out
    groups = run("evaluate", trained, tiny_manifest.root / "weather.csv", "--by", column, "--json").json["groups"]
    assert sum(group["num_queries"] for group in groups["groups"]) == 8


def test_evaluate_explains_itself_in_a_few_lines(run: Run, trained: Path, tiny_csv: Path) -> None:
    lines = run("evaluate", trained, tiny_csv).out.splitlines()
    starts = ["mAP ", "8 queries", "mAP 95% interval: ", "hardest camera pairs", "same or not: AUC ", "protocol: "]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    more = run("evaluate", trained, tiny_csv, "--camera-pairs", "--threshold-at-fpr", 0.05).out
    assert "query \\ gallery" in more
    assert "threshold at FPR 0.05: squared euclidean distance below " in more
    values = run("evaluate", trained, tiny_csv, "--threshold-at-fpr", 0.05, "--json").json
    assert values["verification"]["num_different"] == 48
    assert 0.05 in [point["far"] for point in values["verification"]["tar_at_far"]]
    assert values["mean_ap_interval"]["over_queries"]["value"] == pytest.approx(values["mean_ap"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "wether"], "there is no column 'wether'; columns found: image"),
        (["--threshold-at-fpr", 1], "expected a fraction between 0 and 1, came 1"),
        (["--threshold-at-fpr", 0.001], "cannot be measured on 48 pairs of two identities"),
    ],
)
def test_evaluate_with_bad_options(
    run: Run, trained: Path, tiny_csv: Path, arguments: list[object], message: str
) -> None:
    result = run("evaluate", trained, tiny_csv, *arguments)
    assert result.code == 1
    assert message in result.err
    assert result.out == ""
