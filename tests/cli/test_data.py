from pathlib import Path

import pytest

from resight.data.manifest import Manifest
from tests.cli.conftest import Run


def test_synth_convert_check_stats(run: Run, tmp_path: Path) -> None:
    people, manifest = tmp_path / "people", tmp_path / "people.parquet"
    sizes = ["--train-ids", 2, "--test-ids", 2, "--cameras", 2, "--images-per-camera", 2, "--distractors", 1]
    assert run("data", "synth", people, *sizes).err == f"written: {people}\n"
    assert run("data", "convert", "market1501", people, "-o", manifest, "--json").json == {"output": str(manifest)}
    rows = Manifest.read(manifest)
    assert set(rows.column("split")) == {"train", "query", "gallery"}
    result = run("data", "check", manifest)
    assert result.code == 0
    assert f"{len(rows):,} rows: 0 errors" in result.out
    stats = run("data", "stats", manifest, "--json").json
    assert run("data", "stats", people, "--format", "market1501", "--json").json == stats
    table = run("data", "stats", manifest).out.splitlines()
    assert [line.split()[0] for line in table[1:]] == ["train", "query", "gallery", "total"]


def test_synth_of_another_set_in_the_same_folder(run: Run, tiny_csv: Path) -> None:
    result = run("data", "synth", tiny_csv.parent, "--train-ids", 1, "--test-ids", 1)
    assert result.code == 1
    assert str(tiny_csv.parent) in result.err


def test_synth_pool(run: Run, tmp_path: Path) -> None:
    result = run("data", "synth", tmp_path / "pool", "--pool", 6, "--json")
    assert result.code == 0
    assert len(Manifest.read(result.json["output"])) == 6


def test_convert_with_options(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"file,who\n{tiny_csv.parent / '0001_c1_0.png'},7\n")
    arguments = ["data", "convert", "csv_table", tmp_path / "own.csv", "-o", tmp_path / "a.csv"]
    result = run(*arguments, "--column", "image=file", "--column", "pid=who")
    assert result.err == f"1 rows: {tmp_path / 'a.csv'}\n"
    assert list(Manifest.read(tmp_path / "a.csv").column("pid")) == ["7"]
    wrong = run(*arguments, "--column", "image")
    assert wrong.code == 2
    assert "expected KNOWN=YOURS" in wrong.err
    pattern = run(*arguments, "--camera-pattern", "c(.)")
    assert pattern.code == 1
    assert "csv_table has no option camera_pattern" in pattern.err


def test_split(run: Run, tiny_manifest: Manifest, tmp_path: Path) -> None:
    tiny_manifest.with_column("split", [None] * 32).write(tmp_path / "all.csv")
    output = tmp_path / "split.csv"
    result = run("data", "split", tmp_path / "all.csv", "-o", output, "--test-share", 0.25, "--json")
    assert result.code == 0, result.err
    assert result.json["output"] == str(output)
    rows = Manifest.read(output)
    assert len(rows.split("train").identities()) == 6
    assert rows.split("query").identities() == rows.split("gallery").identities()
    again = run("data", "split", output, "-o", output)
    assert again.code == 1
    assert "overwrite" in again.err
    assert run("data", "split", output, "-o", output, "--overwrite").code == 0


@pytest.mark.parametrize("share", ["-1", "2"])
def test_split_with_a_bad_share(run: Run, tiny_csv: Path, tmp_path: Path, share: str) -> None:
    result = run("data", "split", tiny_csv, "-o", tmp_path / "a.csv", "--overwrite", "--test-share", share)
    assert result.code in (1, 2)
    assert "test" in result.err
    assert not (tmp_path / "a.csv").exists()


def test_check_finds_errors_and_says_so_by_its_code(run: Run, tiny_csv: Path) -> None:
    assert run("data", "check", tiny_csv).code == 0
    (tiny_csv.parent / "0003_c1_0.png").write_bytes(b"no image")
    (tiny_csv.parent / "0003_c1_1.png").unlink()
    result = run("data", "check", tiny_csv)
    assert result.code == 1
    assert "0003_c1_0.png" in result.out
    assert "0003_c1_1.png" in result.out
    findings = run("data", "check", tiny_csv, "--json")
    assert findings.code == 1
    assert {finding["severity"] for finding in findings.json} >= {"error"}
    assert "0003_c1_0.png" not in run("data", "check", tiny_csv, "--no-decode").out


def test_duplicates(run: Run, tiny_csv: Path) -> None:
    text = tiny_csv.read_text()
    tiny_csv.write_text(text + text.splitlines()[-1] + "\n")
    result = run("data", "stats", tiny_csv)
    assert result.code == 1
    assert "tiny.csv" in result.err


@pytest.mark.parametrize("command", ["check", "stats"])
def test_missing_and_unreadable(run: Run, tmp_path: Path, command: str) -> None:
    assert f"{tmp_path / 'no.csv'}" in run("data", command, tmp_path / "no.csv").err
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    result = run("data", command, tmp_path / "bad.parquet")
    assert result.code == 1
    assert "bad.parquet" in result.err
    assert "is a folder; say how to read it" in run("data", command, tmp_path).err
