from pathlib import Path

import numpy as np
import pytest

import resight
from resight.data.manifest import Manifest
from tests.cli.conftest import Run


def test_a_manifest_brings_its_cameras(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "all.npy"
    result = run("embed", trained, tiny_csv, "-o", output, "--json")
    assert result.code == 0
    assert result.json == {
        "embeddings": str(output),
        "rows": str(tmp_path / "out/all.rows.parquet"),
        "count": 32,
        "dim": 12,
    }
    vectors = np.load(output)
    np.testing.assert_allclose(vectors, resight.load(trained).embed(Manifest.read(tiny_csv)), atol=1e-6)
    rows = Manifest.read(tmp_path / "out" / "all.rows.parquet")
    assert list(rows.column("pid")) == list(Manifest.read(tiny_csv).column("pid"))
    assert rows.image_path(31).is_file()
    assert sorted(file.name for file in output.parent.iterdir()) == ["all.npy", "all.rows.parquet"]


def test_the_input_is_not_written_over(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    """As in the readme: the rows of crops.npy do not go to crops.parquet."""
    crops = tmp_path / "crops.parquet"
    manifest = Manifest.read(tiny_csv)
    manifest.with_column("mine", list(range(32))).write(crops)
    before = crops.read_bytes()
    assert run("embed", trained, crops, "-o", tmp_path / "crops.npy").code == 0
    assert crops.read_bytes() == before
    rows = tmp_path / "crops.rows.parquet"
    before = rows.read_bytes()
    again = run("embed", trained, rows, "-o", tmp_path / "crops.npy")
    assert (again.code, rows.read_bytes()) == (1, before)
    assert f"{rows} would be written over, but it is the input; choose another --output" in again.err


def test_cameras_that_the_model_does_not_know(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(tiny_csv)
    cameras = [f"0{name}" if row < 12 else name for row, name in enumerate(manifest.column("camid"))]
    renamed = manifest.root / "renamed.csv"
    manifest.with_column("camid", cameras).write(renamed)
    result = run("embed", trained, renamed, "-o", tmp_path / "a.npy")
    assert result.err.splitlines()[:-1] == [
        "12 of 32 rows have a camera that the model does not know (01, 02; it knows 1, 2): "
        "they take the mean side information"
    ]
    manifest.with_column("camid", ["7"] * 32).write(renamed)
    result = run("evaluate", trained, renamed, "--any-camera")
    assert result.err.startswith("16 of 16 rows have a camera that the model does not know (7; it knows 1, 2)")
    assert sum("does not know" in line for line in result.err.splitlines()) == 1


def test_a_manifest_without_rows(run: Run, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("image,pid\n")
    result = run("embed", trained, tmp_path / "empty.csv", "-o", tmp_path / "a.npy")
    assert result.code == 1
    assert "empty.csv has no rows, so there is nothing to embed" in result.err
    assert not (tmp_path / "a.npy").exists()


def test_a_folder_or_one_image(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    result = run("embed", trained, tiny_csv.parent, "-o", tmp_path / "a.npy")
    assert result.err == f"32 vectors of 12 numbers: {tmp_path / 'a.npy'}, their rows: {tmp_path / 'a.rows.parquet'}\n"
    one = tiny_csv.parent / "0001_c1_0.png"
    assert run("embed", trained, one, "-o", tmp_path / "b.npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), np.load(tmp_path / "a.npy")[:1], atol=1e-6)


def test_flip_and_format(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    assert run("embed", trained, tiny_csv, "-o", tmp_path / "a.npy", "--flip").code == 0
    assert run("embed", trained, tiny_csv, "-o", tmp_path / "b.npy", "--format", "csv_table", "--no-flip").code == 0
    model, manifest = resight.load(trained), Manifest.read(tiny_csv)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), model.embed(manifest, flip=True), atol=1e-6)
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), model.embed(manifest, flip=False), atol=1e-6)
    result = run("embed", trained, tiny_csv.parent, "-o", tmp_path / "c.npy", "--format", "market150")
    assert "did you mean market1501?" in result.err
    assert result.code == 1


@pytest.mark.parametrize(
    ("data", "output", "message"),
    [
        ("missing", "a.npy", "missing: expected a folder with images, but it does not exist"),
        ("missing.csv", "a.npy", "missing.csv"),
        ("empty", "a.npy", "holds no image"),
        ("empty", "a.csv", "--output must be a .npy file, got a.csv"),
    ],
)
def test_bad_input(
    run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, output: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = run("embed", trained, data, "-o", output)
    assert result.code == 1
    assert message in result.err
    assert not (tmp_path / output).exists()


def test_a_corrupt_image_is_named(run: Run, trained: Path, tiny_csv: Path, tmp_path: Path) -> None:
    (tiny_csv.parent / "0003_c1_0.png").write_bytes(b"no image")
    result = run("embed", trained, tiny_csv, "-o", tmp_path / "a.npy")
    assert result.code == 1
    assert "0003_c1_0.png" in result.err
    assert not (tmp_path / "a.npy").exists()
