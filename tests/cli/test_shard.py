import csv
from pathlib import Path

from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from tests.cli.conftest import Run


def test_pack_and_check(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    arguments = ["data", "shard", tiny_csv, "-o", shards, "--rows-per-shard", 10, "--workers", 1]
    assert run(*arguments).err == f"32 images in 4 shards: {shards}\n"
    assert list(open_pool(shards).manifest().column("pid")) == list(Manifest.read(tiny_csv).column("pid"))
    assert run(*arguments).err == f"32 images in 4 shards, 4 of them from before: {shards}\n"
    assert run(*arguments, "--json").json == {
        "output": str(shards),
        "manifest": str(shards / "rows.parquet"),
        "rows": 32,
        "shards": 4,
        "kept": 4,
        "skipped": 0,
    }
    checked = run("data", "shard", shards, "--check")
    assert (checked.code, checked.out) == (0, "32 images in 4 shards; errors: 0\n")
    (shards / "00002.tar").unlink()
    checked = run("data", "shard", shards, "--check")
    assert (checked.code, checked.out.splitlines()) == (
        1,
        ["error: 1 missing shard; copy it again (00002.tar)", "32 images in 4 shards; errors: 1"],
    )
    assert run("data", "shard", shards, "--check", "--json").json["findings"][0]["examples"] == ["00002.tar"]


def test_folders_formats_and_sets(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("data", "shard", tiny_csv.parent, "-o", one, "--workers", 1).code == 0
    assert run("data", "shard", one, "-o", two, "--workers", 1).code == 0  # a set again, without decoding
    assert open_pool(two).read(7) == open_pool(one).read(7)
    result = run("data", "shard", tiny_csv.parent, "-f", "image_folder", "-o", one, "--workers", 1, "--json")
    assert result.json["kept"] == 1
    assert run("data", "check", one / "rows.parquet").code == 0


def test_images_that_cannot_be_read(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    (tiny_csv.parent / "0002_c1_0.png").write_bytes(b"no image")
    result = run("data", "shard", tiny_csv, "-o", tmp_path / "set", "--workers", 1)
    listed = tmp_path / "set" / "skipped.csv"
    assert result.code == 0
    assert result.err.splitlines()[1] == f"left out, since they cannot be read: 1, listed in {listed}"
    with listed.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["image"]) for row in rows] == [("4", "0002_c1_0.png")]


def test_wrong_use(run: Run, tiny_csv: Path, tmp_path: Path) -> None:
    assert "name the folder to pack into" in run("data", "shard", tiny_csv).err
    assert "--check takes the set as SOURCE" in run("data", "shard", tmp_path, "--check", "-o", tmp_path).err
    result = run("data", "shard", tmp_path, "--check")
    assert result.code == 1
    assert "expected a set of shards" in result.err
    result = run("data", "shard", tiny_csv, "-o", tiny_csv.parent)
    assert result.code == 1
    assert "holds something else" in result.err
    assert "nothing; check the path" in run("data", "shard", tmp_path / "none", "-o", tmp_path / "set").err
