import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from resight.cli.data import FORMATS
from resight.data.convert import CONVERTERS
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
    assert run("data", "stats", people, "--format", "market1501", "--as", "none", "--json").json == stats
    table = run("data", "stats", manifest).out.splitlines()
    assert [line.split()[0] for line in table[1:5]] == ["train", "query", "gallery", "total"]
    assert table[6].split() == ["dataset", "object", "#ID", "#image", "#cam", "#view"]
    assert table[7].split() == ["people", "-", "4", str(len(rows) - rows.column("junk").sum()), "2", "-"]


def test_synth_of_another_set_in_the_same_folder(run: Run, tiny_csv: Path) -> None:
    result = run("data", "synth", tiny_csv.parent, "--train-ids", 1, "--test-ids", 1)
    assert result.code == 1
    assert str(tiny_csv.parent) in result.err


def test_synth_pool(run: Run, tmp_path: Path) -> None:
    result = run("data", "synth", tmp_path / "pool", "--pool", 6, "--json")
    assert result.code == 0
    assert len(Manifest.read(result.json["output"])) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pool", 6, "--train-ids", 5, "--distractors", 0], "--train-ids, --distractors has no effect on an unlab"),
        (["--pool", 6, "--test-ids", 5], "--test-ids has no effect on an unlabelled pool"),
        (["--pool", 6, "--images-per-camera", 5], "--images-per-camera has no effect on an unlabelled pool"),
        (["--junk-share", 0.1], "--junk-share has no effect on a labelled set; an unlabelled pool needs --pool"),
        (["--images-per-camera", 1], "Invalid value for '--images-per-camera': Input should be"),
    ],
)
def test_synth_refuses_options_without_effect(run: Run, tmp_path: Path, arguments: list[object], message: str) -> None:
    result = run("data", "synth", tmp_path / "people", *arguments)
    assert result.code == 2
    assert message in result.err
    assert not (tmp_path / "people").exists()


def test_convert_with_options(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"file,who\n{tiny_csv.parent / '0001_c1_0.png'},7\n")
    arguments = ["data", "convert", "csv_table", tmp_path / "own.csv", "-o", tmp_path / "a.csv"]
    result = run(*arguments, "--option", "columns.image=file", "-O", "columns.pid=who")
    assert result.err == f"1 row: {tmp_path / 'a.csv'}\n"
    assert list(Manifest.read(tmp_path / "a.csv").column("pid")) == ["7"]
    wrong = run(*arguments, "-O", "columns")
    assert (wrong.code, wrong.out) == (1, "")
    assert "expected an option KEY=VALUE" in wrong.err
    assert "csv_table has no option colums; did you mean columns?" in run(*arguments, "-O", "colums.pid=who").err
    assert "no converter 'csv_tabel'; did you mean csv_table?" in run(*arguments[:2], "csv_tabel", *arguments[3:]).err


def test_converters_are_listed(run: Run) -> None:
    assert FORMATS.split(", ") == sorted(CONVERTERS)
    text = run("data", "convert", "--help").out
    assert not [name for name in CONVERTERS if name not in text]
    listed = run("data", "formats", "--json").json
    assert list(listed) == sorted(CONVERTERS)
    assert listed["cuhk03_np"]["options"][0] == "crops=labeled|detected (detected)"
    lines = run("data", "formats").out.splitlines()
    assert "    --option size=800" in lines
    assert any(line.startswith("msmt17: Manifest of MSMT17") for line in lines)


def test_options_of_a_format(run: Run, tmp_path: Path) -> None:
    for name, camera in (("1/cam1_a.jpg", "1"), ("1/cam2_a.jpg", "2"), ("2/cam1_a.jpg", "1"), ("2/cam2_a.jpg", "2")):
        (tmp_path / "crops" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 32), (50 * int(camera), 0, 0)).save(tmp_path / "crops" / name)
    source = [tmp_path / "crops", "--format", "folder_per_identity", "-O", "camera_pattern=cam([0-9]+)"]
    assert run("data", "stats", *source, "--json").json["total"]["cameras"] == 2
    assert run("data", "check", *source).code == 0
    assert run("data", "split", *source, "-o", tmp_path / "split.csv").code == 0
    assert Manifest.read(tmp_path / "split.csv").cameras() == ["1", "2"]
    assert (
        "options (strict) are those of a converter"
        in run("data", "stats", tmp_path / "split.csv", "-O", "strict=1").err
    )


def test_reading_a_folder_shows_how_far_it_is(run: Run, tiny_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int, int]] = []

    @contextmanager
    def recorded(description: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: calls.append((description, done, total))

    monkeypatch.setattr("resight.cli.data.progress_bar", recorded)
    crops = Path(shutil.copytree(tiny_csv.parent, tiny_csv.parent.with_name("crops") / "one"))
    for format in ("image_folder", "folder_per_identity"):
        assert run("data", "convert", format, crops.parent, "-o", crops.parent / "m.csv").code == 0
        assert calls[-1][0] == "reading"
        assert calls[-1][1] == calls[-1][2]
        calls.clear()


def test_own_columns_survive_convert_and_split(run: Run, tiny_manifest: Manifest, tmp_path: Path) -> None:
    own = {"plate": "0012", "seen": "2024-05-01 12:00"}
    manifest = tiny_manifest.with_column("split", [None] * 32)
    for name, value in own.items():
        manifest = manifest.with_column(name, [value, *[None] * 31])
    manifest.write(tmp_path / "a.csv")
    assert run("data", "convert", "csv_table", tmp_path / "a.csv", "-o", tmp_path / "b.csv").code == 0
    assert run("data", "split", tmp_path / "b.csv", "-o", tmp_path / "c.csv").code == 0
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {name: rows[0][name] for name in own} == own
    assert {name: rows[1][name] for name in own} == dict.fromkeys(own, "")


def test_a_split_that_leaves_nothing_to_train_on(run: Run, tiny_manifest: Manifest, tmp_path: Path) -> None:
    tiny_manifest.select(range(4)).write(tmp_path / "one.csv")
    command = ["data", "split", tmp_path / "one.csv", "-o", tmp_path / "split.csv", "--overwrite"]
    result = run(*command)
    assert result.code == 1
    assert "nothing is left to train on" in result.err
    assert not (tmp_path / "split.csv").exists()
    assert run(*command, "--test-share", 1).code == 0


def test_join(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_csv.parent, tmp_path / "copy")) / "tiny.csv"
    output = tmp_path / "joined.parquet"
    result = run("data", "join", tiny_csv, f"other={copy}", "--test", "other", "-o", output)
    assert result.err == f"48 rows of tiny, other: {output}\n"
    rows = Manifest.read(output)
    assert len(rows.split("train").identities()) == 8
    assert rows.cameras() == ["other/1", "other/2", "tiny/1", "tiny/2"]
    assert set(rows.split("query").column("dataset")) == {"other"}
    assert run("data", "check", output).code == 0
    twice = run("data", "join", tiny_csv, copy, "-o", output)
    assert (twice.code, "two sets are named tiny" in twice.err) == (2, True)
    unknown = run("data", "join", tiny_csv, f"b={copy}", "--test", "none", "-o", output)
    assert "no data set none to test on" in unknown.err
    odd = copy.rename(copy.with_name("a=b.csv"))
    assert run("data", "join", odd, tiny_csv, "-o", output).code == 0
    assert set(Manifest.read(output).column("dataset")) == {"a=b", "tiny"}


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
    assert {finding["severity"] for finding in findings.json["findings"]} >= {"error"}
    assert findings.json["counts"]["total"]["images"] == 32
    assert "0003_c1_0.png" not in run("data", "check", tiny_csv, "--no-decode").out


def test_check_goes_on_after_broken_rows_and_columns(run: Run, tiny_csv: Path) -> None:
    header, *rows = tiny_csv.read_text().splitlines()
    rows[1] = rows[1].replace("train", "test")
    lines = [f"{header},time,junk", f"{rows[0]},soon,maybe", *(f"{row},," for row in [*rows[1:], rows[5]])]
    tiny_csv.write_text("\n".join(lines) + "\n")
    (tiny_csv.parent / "0003_c1_0.png").unlink()
    for source in ([tiny_csv], [tiny_csv, "-f", "csv_table", "-O", "columns.pid=pid"]):
        result = run("data", "check", *source, "--json")
        assert result.code == 1
        found = [(finding["check"], finding["count"], finding["examples"]) for finding in result.json["findings"]]
        assert found[:2] == [("structure", 1, []), ("structure", 1, [])]
        assert found[2] == ("structure", 1, ["row 1: 'test'"])
        assert found[3] == ("structure", 1, ["row 32: '0002_c1_1.png'"])
        assert ("missing_file", 1, ["0003_c1_0.png"]) in found
    text = run("data", "check", tiny_csv).out
    assert "error: 1 unreadable column, which is left out here: column 'time': expected seconds" in text
    assert "came 'maybe' (row 0)" in text
    assert text.endswith("33 rows: 5 errors, 0 warnings\n"), text
    assert "column 'time': expected seconds" in run("data", "stats", tiny_csv).err


def test_check_of_a_table_without_images(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,pid\na.jpg,1\n")
    result = run("data", "check", tmp_path / "m.csv")
    assert (result.code, result.out) == (1, "")
    assert "expected a column 'image'" in result.err


def test_check_counts_in_words_that_fit(run: Run, tiny_csv: Path) -> None:
    (tiny_csv.parent / "0003_c1_0.png").unlink()
    assert run("data", "check", tiny_csv).out.endswith("32 rows: 1 error, 0 warnings\n")


def test_published_counts(run: Run, tmp_path: Path) -> None:
    people = tmp_path / "people"
    run("data", "synth", people, "--train-ids", 2, "--test-ids", 2, "--cameras", 2, "--images-per-camera", 2)
    folder = ["data", "check", people, "--format", "market1501"]
    result = run(*folder)
    assert result.code == 0, "data of one's own may have that layout"
    assert "warning: 10 counts differ from those published of Market-1501" in result.out
    assert "train has 2 ids, published 751" in result.out
    lines = result.out.splitlines()
    assert lines[1].split()[:4] == ["train", "2", "!=", "751"]
    assert ["as", "the", "papers", "say", "person", "1,501", "32,668", "6", "-"] in [line.split() for line in lines]
    assert any(line.startswith("note: the papers count the whole of bounding_box_test") for line in lines)
    assert "published" not in run(*folder, "--as", "none").out
    claimed = run(*folder, "--as", "market1501", "--json")
    assert claimed.code == 1
    assert claimed.json["findings"][0]["check"] == "published_counts"
    assert claimed.json["findings"][0]["severity"] == "error"
    published = claimed.json["counts"]["published"]
    assert published["totals"]["images"] == 32668
    first = {"split": "train", "what": "ids", "found": 2, "published": [751], "differs": True}
    assert published["counts"][0] == first
    assert "did you mean market1501?" in run(*folder, "--as", "market").err


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
