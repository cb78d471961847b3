"""`resight filter` from pool and target to a pool to pre-train on, and the other ways in."""

from pathlib import Path

import pytest
import yaml

from resight.cli.filter_options import parse_keep
from resight.data.manifest import Manifest
from resight.recipes.pretrain_build import dump_pretrain_recipe
from tests.cli.conftest import Run
from tests.recipes.pretrain_runs import tiny_pretraining

ONE_EPOCH = ["train.epochs=1", "schedule.warmup_epochs=0"]


@pytest.fixture
def tiny_file(tiny_manifest: Manifest, tmp_path: Path) -> Path:
    content = dump_pretrain_recipe(tiny_pretraining(tiny_manifest.root))
    content["data"]["source"] = None
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def filtered(run: Run, tiny_file: Path, tiny_csv: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    words = ["--pool", tiny_csv, "--target", tiny_csv, "--proxy", tiny_file, *ONE_EPOCH, "-o", out, "--batch-size", 8]
    result = run("filter", *words, "--target-set", "optimizer.lr=0.01", "--workers", 0)
    assert result.code == 0, result.err
    assert "source proxy: epoch 1/1" in result.err
    assert "target proxy: epoch 1/1" in result.err
    assert f"16 of 32 images are kept: {out / 'kept.parquet'}" in result.err
    assert "images in common" in result.out
    assert yaml.safe_load((out / "target" / "recipe.yaml").read_text())["optimizer"]["lr"] == 0.01
    return out


def test_a_share_in_percent_is_decimal() -> None:
    assert [parse_keep(text) for text in ("0.7%", "29%", "100%")] == [0.007, 0.29, 1.0]


def test_filter_then_pretrain(run: Run, filtered: Path, tiny_file: Path, tmp_path: Path) -> None:
    assert len(Manifest.read(filtered / "kept.parquet")) == 16
    assert (filtered / "filter.html").is_file()
    trained = run("pretrain", tiny_file, "--pool", filtered / "kept.parquet", *ONE_EPOCH, "-o", tmp_path / "run")
    assert trained.code == 0, trained.err


def test_another_share_costs_nothing(run: Run, filtered: Path, tiny_csv: Path, tmp_path: Path) -> None:
    out, shards, listed = tmp_path / "other", tmp_path / "shards", tmp_path / "list.txt"
    words = ["--keep", "25%", "--by", "cfs,nearest", "-o", out, "--json", "--shards", shards, "--cfs-list", listed]
    result = run("filter", "--scores", filtered, *words)
    assert result.code == 0, result.err
    assert (result.json["count"], result.json["by"]) == (8, ["cfs", "nearest"])
    assert {row["first"] for row in result.json["overlap"]["pairs"]} >= {"kept", "cfs"}
    assert len(Manifest.read(shards / "rows.parquet")) == 8
    assert len(listed.read_text().split()) == 32
    again = run("filter", "--list", listed, "--pool", tiny_csv, "--keep", "8", "-o", tmp_path / "third", "--json")
    assert again.code == 0, again.err
    assert again.json["by"] == ["listed"]
    kept = [set(Manifest.read(folder / "kept.parquet").column("pool_key")) for folder in (out, tmp_path / "third")]
    assert kept[0] == kept[1]


def test_going_on_does_nothing_twice(run: Run, filtered: Path, tiny_file: Path, tiny_csv: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in filtered.rglob("*.parquet") if path.name != "kept.parquet"}
    words = ["--pool", tiny_csv, "--target", tiny_csv, "--proxy", tiny_file, *ONE_EPOCH, "-o", filtered]
    result = run("filter", *words, "--target-set", "optimizer.lr=0.01", "--resume", "--keep", "4", "--json")
    assert result.code == 0, result.err
    assert result.json["count"] == 4
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    refused = run("filter", *words, "--keep", "4")
    assert refused.code == 1
    assert "go on with --resume" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "say what to filter: --pool"),
        (["--pool", "nowhere", "--target", "t"], 1, "expected a pool of images, but there is nothing"),
        (["--pool", "."], 1, "say what the pool is to suit"),
        (["--pool", ".", "--target", ".", "--keep", "much"], 2, "expected a share above 0 and at most 1 (0.5, 50%)"),
        (["--pool", ".", "--target", ".", "--aspect", "2"], 2, "expected two numbers such as 1.2,4"),
        (["--pool", ".", "--target", ".", "train.epoch=3"], 1, "did you mean train.epochs"),
        (["--pool", ".", "--target", ".", "--proxy", "market1501_transreid"], 1, "expected one of `resight pretrain`"),
        (["--pool", ".", "--target", ".", "--source", "nothing"], 1, "nothing"),
        (["--scores", "nothing"], 1, "expected a file of scores, but there is none"),
        (["--scores", "x", "--pool", "."], 2, "--scores brings the scores, so nothing is scored: leave --pool out"),
        (
            ["--scores", "x", "--resume", "a.b=c", "--precision", "fp32"],
            2,
            "leave section.key=value, --precision, --re",
        ),
        (
            ["--list", "x", "--pool", ".", "--target", "t"],
            2,
            "--list brings the scores, so nothing is scored: leave --t",
        ),
        (
            ["--pool", ".", "--target", ".", "--by", "cfs,beauty"],
            2,
            "there will be no score 'beauty'; there will be cfs,",
        ),
        (["--pool", ".", "--target", ".", "--cfs-list", "list.csv"], 1, "a list ends in .pkl or .txt"),
        (["--pool", ".", "--target", ".", "--keep", "1.5"], 2, "expected a share above 0"),
        (["--pool", ".", "--target", ".", "--keep", "0"], 2, "expected a share above 0"),
        (["--pool", ".", "--target", ".", "--aspect", "4,1"], 2, "expected the lower number first"),
        (["--pool", ".", "--target", ".", "--near-duplicates", "2"], 2, "Input should be less than or equal to"),
        (["--list", "x"], 2, "--list needs the pool"),
        (["--list", "x", "--pool", ".", "--min-width", "9"], 2, "but the gates need their width; leave the gates out"),
        (["--list", "x", "--pool", ".", "--near-duplicates", "0.9"], 2, "but the gates need their codes; leave the"),
        (["--list", "x", "--pool", ".", "--by", "cfs"], 2, "no score 'cfs'; there will be listed"),
        (["--list", "x", "--pool", ".", "--keep", "33"], 1, "expected 1 to 32 images"),
        (["--pool", ".", "--target", ".", "--keep", "0.001"], 1, "expected 1 to 32 images, which is what the pool has"),
        (["--pool", ".", "--target", ".", "--cfs-list", "there.pkl"], 1, "there.pkl is there already; choose another"),
        (["--pool", ".", "--target", ".", "--shards", "full"], 1, "full is not empty; choose another folder with --sh"),
        (
            ["--pool", ".", "--source", "a", "--target-proxy", "b", "train.epochs=7", "--target-set", "optimizer.lr=9"],
            2,
            "train.epochs=7, optimizer.lr=9 would do nothing: --source and --target-proxy bring both proxies",
        ),
        (["--pool", ".", "--source", "a", "--target-proxy", "b", "views.size=[64,32]"], 1, "there is no a"),
        (["--list", "x.txt", "--pool", "."], 1, "x.txt"),
        (["--pool", ".", "--target", ".", "--resume"], 1, "no filtering in"),
        (["--pool", ".", "--target", ".", "--keep", "1000"], 1, "expected 1 to 32 images, which is what the pool has"),
    ],
)
def test_wrong_use_is_explained(
    run: Run, words: list[str], code: int, message: str, tiny_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_manifest.root)
    Path("there.pkl").mkdir()
    (Path("full") / "mine").mkdir(parents=True)
    result = run("filter", *words, "-o", tiny_manifest.root.parent / "out")
    assert result.code == code, result.err
    assert message in " ".join(result.err.split())
    assert not list((tiny_manifest.root.parent).glob("out/*"))


def test_shares_of_scores_that_are_too_large(run: Run, filtered: Path, tmp_path: Path) -> None:
    result = run("filter", "--scores", filtered, "--keep", "33", "-o", tmp_path / "other")
    assert result.code == 1
    assert "expected 1 to 32 images" in result.err
    result = run("filter", "--scores", filtered, "--by", "beauty", "-o", tmp_path / "other")
    assert "no score 'beauty'; it has cfs, width" in result.err


def test_a_choice_does_not_write_over_another(run: Run, filtered: Path, tiny_csv: Path, tmp_path: Path) -> None:
    listed, other, kept = tmp_path / "list.txt", tmp_path / "other", filtered / "kept.parquet"
    assert run("filter", "--scores", filtered, "--cfs-list", listed, "-o", filtered).code == 0, "beside its own scores"
    before = {path: path.read_bytes() for path in (kept, filtered / "scores.parquet")}
    assert run("filter", "--pool", tiny_csv, "--list", listed, "-o", other).code == 0
    for words in (["--pool", tiny_csv, "--list", listed], ["--scores", other]):
        refused = run("filter", *words, "-o", filtered)
        assert refused.code == 1
        assert f"or choose from the scores there with --scores {filtered}" in refused.err
    assert all(path.read_bytes() == content for path, content in before.items())
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "filter.json").write_text("{}")
    assert "belongs to a filter that is not finished" in run("filter", "--scores", other, "-o", tmp_path / "begun").err


def test_a_choice_alone_in_its_folder_is_not_written_over(
    run: Run, filtered: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    names, listed, alone = Manifest.read(tiny_csv).column("image"), tmp_path / "list.txt", tmp_path / "alone"
    listed.write_text("\n".join(names))
    assert run("filter", "--pool", tiny_csv, "--list", listed, "-o", tmp_path / "other").code == 0
    mine = tmp_path / "mine" / "kept.parquet"
    mine.parent.mkdir()
    Manifest.read(tiny_csv).write(mine)
    assert run("filter", "--scores", filtered, "--keep", 10, "-o", alone).code == 0
    before = {path: path.read_bytes() for path in (mine, alone / "kept.parquet")}
    for words in (["--pool", tiny_csv, "--list", listed], ["--scores", tmp_path / "other"]):
        for folder in (mine.parent, alone):
            refused = run("filter", *words, "-o", folder)
            assert refused.code == 1
            assert f"{folder / 'kept.parquet'} is not a choice from these scores" in refused.err
    assert run("filter", "--scores", filtered, "-o", mine.parent).code == 1
    assert all(path.read_bytes() == content for path, content in before.items())
    again = run("filter", "--scores", filtered / "scores.parquet", "--keep", 5, "-o", alone, "--json")
    assert again.code == 0, again.err
    assert len(Manifest.read(alone / "kept.parquet")) == 5, "another choice from the same scores"


def test_other_outputs_are_not_written_over(run: Run, filtered: Path, tiny_csv: Path, tmp_path: Path) -> None:
    listed, shards, out = tmp_path / "CFS_list.txt", tmp_path / "shards", tmp_path / "chosen"
    listed.write_text("\n".join(Manifest.read(tiny_csv).column("image")))
    words = ["--list", listed, "--pool", tiny_csv, "-o", out]
    refused = run("filter", *words, "--cfs-list", listed)
    assert (refused.code, out.exists()) == (1, False)
    assert f"{listed} is there already" in refused.err
    shards.mkdir()
    assert run("filter", *words, "--shards", shards).code == 0, "it is empty"
    refused = run("filter", "--scores", filtered, "-o", tmp_path / "next", "--shards", shards)
    assert (refused.code, (tmp_path / "next").exists()) == (1, False)
    assert f"{shards} is not empty" in refused.err
    assert run("filter", "--scores", filtered, "-o", listed).code == 1
    assert (
        f"{listed / 'below'} is or lies under a file" in run("filter", "--scores", filtered, "-o", listed / "below").err
    )


def test_a_list_that_cannot_be_written_is_refused_before_training(
    run: Run, tiny_csv: Path, tiny_file: Path, tmp_path: Path
) -> None:
    boxed = Manifest.read(tiny_csv)
    for name in ("box_x", "box_y", "box_w", "box_h"):
        boxed = boxed.with_column(name, [4.0] * len(boxed))
    boxed.write(tiny_csv)
    words = ["--pool", tiny_csv, "--target", tiny_csv, "--proxy", tiny_file, "-o", tmp_path / "out"]
    refused = run("filter", *words, "--cfs-list", tmp_path / "list.pkl")
    assert refused.code == 1
    assert "a list names image files, which it cannot do for the images of this pool: these are boxes" in refused.err
    assert not (tmp_path / "out").exists()


def test_an_interruption_says_how_to_go_on(
    run: Run, tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(request: object, folder: Path, **settings: object) -> None:
        folder.mkdir()
        (folder / "filter.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("resight.recipes.filter_run.score", interrupted)
    result = run("filter", "--pool", tiny_csv, "--target", tiny_csv, "-o", tmp_path / "out")
    assert result.code == 130
    assert f"repeat the command with --resume; the run is in {tmp_path / 'out'}" in result.err
