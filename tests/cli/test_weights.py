import pickle
from pathlib import Path

import pytest
import torch

import resight
from resight.models import create_model
from tests.cli.conftest import Run
from tests.models.tiny import shake
from tests.models.weights.official import dino_state, official_state, tiny_model

TINY = ['model.name="vit_nano"', "model.image_size=[32,16]", "model.patch_size=8", "model.jigsaw_parts=2",
        'model.shape={"width": 24, "depth": 2, "heads": 3}']  # fmt: skip


@pytest.fixture
def official(tmp_path: Path) -> Path:
    torch.save({"state_dict": official_state(tiny_model(jigsaw=True, num_cameras=2)), "epoch": 120}, tmp_path / "x.pth")
    return tmp_path / "x.pth"


def test_inspect(run: Run, official: Path) -> None:
    result = run("weights", "inspect", official)
    assert result.code == 0
    assert result.out.splitlines() == [
        "kind: transreid",
        "entry: state_dict",
        "epoch: 120",
        "tensors: 79, of use here 63 with 27,339 values",
        "net: ViT of width 24, depth 2, MLP ratio 4, patch 8",
        "positions: 9 rows, a grid of 4x2",
        "jigsaw: 2 parts",
        "side information: 2 cameras x views",
        "classes: 5",
        "fits: none of the named models",
        "not needed: 16 tensors, the official model keeps it, but no output depends on it",
    ]


def test_inspect_as_json(run: Run, official: Path) -> None:
    content = run("weights", "inspect", official, "--json").json
    assert (content["kind"], content["about"]["epoch"], content["net"]["side_rows"]) == ("transreid", 120, 2)
    assert (content["models"], content["report"]) == ([], None)


def test_inspect_with_a_model(run: Run, tmp_path: Path) -> None:
    model = shake(create_model("vit_nano", num_classes=4, image_size=(256, 128), stride=12, num_cameras=3, jigsaw=True))
    torch.save({name: value.clone() for name, value in model.state_dict().items()}, tmp_path / "x.pth")
    fitting = run("weights", "inspect", tmp_path / "x.pth", "--model", "vit_nano", "--json").json
    assert fitting["models"] == ["vit_nano"]
    assert (fitting["report"]["fits"], fitting["report"]["fresh"]) == (True, {})
    assert len(fitting["report"]["matched"]) == len(model.state_dict())
    assert "256x128 at stride 12" in run("weights", "inspect", tmp_path / "x.pth").out
    other = run("weights", "inspect", tmp_path / "x.pth", "--model", "vit_micro")
    assert other.code == 0
    assert "DIFFERENT" in other.out
    assert run("weights", "inspect", tmp_path / "x.pth", "--model", "vit_nan").err.startswith(
        "error: there is no model"
    )


def test_inspect_with_a_model_that_cannot_have_what_the_file_has(run: Run, official: Path) -> None:
    result = run("weights", "inspect", official, "--model", "resnet50")
    assert result.code == 0
    assert "MISSING" in result.out


@pytest.mark.parametrize("cameras", ["1,,2", "1,1", "1, ,2"])
def test_names_of_cameras_are_different_words(run: Run, official: Path, tmp_path: Path, cameras: str) -> None:
    result = run(
        "weights", "convert", official, "-o", tmp_path / "m", "-r", "market1501_transreid", "--cameras", cameras, *TINY
    )
    assert result.code == 2
    assert "--cameras: expected different names" in " ".join(result.err.split())


def test_spaces_around_names_do_no_harm(run: Run, official: Path, tmp_path: Path) -> None:
    arguments = ("-o", tmp_path / "m", "-r", "market1501_transreid", "--cameras", "a, b", *TINY)
    assert run("weights", "convert", official, *arguments).code == 0
    assert resight.load(tmp_path / "m").card.cameras == ("a", "b")


def test_teacher_or_student(run: Run, tmp_path: Path) -> None:
    networks = {"teacher": dino_state(tiny_model(), prefix=""), "student": dino_state(tiny_model(), prefix="module.")}
    torch.save({**networks, "epoch": 3}, tmp_path / "x.pth")
    assert run("weights", "inspect", tmp_path / "x.pth").out.startswith(
        "kind: dino_teacher\nentry: teacher\nepoch: 3\n"
    )
    assert run("weights", "inspect", tmp_path / "x.pth", "--student").out.startswith("kind: dino_student\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"some text", "is no weight file"),
        (b"PK\x03\x04", "is no weight file"),
        (pickle.dumps(print, protocol=2), "asks for print, which is code"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_garbage_is_one_line(run: Run, tmp_path: Path, command: str, content: bytes, message: str) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    more = ["-o", tmp_path / "model", "-r", "market1501_baseline"] if command == "convert" else []
    result = run("weights", command, tmp_path / "x.pth", *more)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "model").exists()


def test_convert(run: Run, official: Path, tmp_path: Path) -> None:
    arguments = ["weights", "convert", official, *TINY, "-r", "market1501_transreid", "-o", tmp_path / "model"]
    result = run(*arguments)
    assert (result.code, result.out) == (0, "")
    assert f"model: {tmp_path / 'model'}" in result.err
    assert "left out, the model has no such classifier" in result.err
    assert resight.load(tmp_path / "model").card.cameras == ("1", "2")
    assert run(*arguments, "--cameras", "a,b", "--json").json["report"]["fits"]
    assert resight.load(tmp_path / "model").card.cameras == ("a", "b")


def test_names_from_the_data(run: Run, official: Path, tiny_csv: Path, tmp_path: Path) -> None:
    text = tiny_csv.read_text().replace('"1"', '"north"').replace('"2"', '"south"')
    tiny_csv.write_text(text)
    arguments = ["weights", "convert", official, *TINY, "-r", "market1501_transreid", "-o", tmp_path / "model"]
    assert run(*arguments, "--data", tiny_csv).code == 0
    assert resight.load(tmp_path / "model").card.cameras == ("north", "south")


def test_training_says_in_one_line_what_it_started_from(
    run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path
) -> None:
    shape = {"width": 12, "depth": 2, "heads": 3}
    model = shake(create_model("vit_nano", num_classes=9, image_size=(32, 32), shape=shape))
    torch.save(official_state(model), tmp_path / "x.pth")
    arguments = ["train", "market1501_baseline", *overrides, "-d", tiny_csv, "-o", tmp_path / "run"]
    more = ["train.precision=fp32", "train.epochs=1", f"model.weights={tmp_path / 'x.pth'}"]
    lines = [line for line in run(*arguments, *more).err.splitlines() if line.startswith("weights: ")]
    assert lines == [
        f"weights: {tmp_path / 'x.pth'} (transreid): 35 tensors taken, 1 of them resized, 1 fresh, 2 left out"
    ]


def test_convert_says_what_does_not_agree(run: Run, official: Path, tmp_path: Path) -> None:
    result = run("weights", "convert", official, *TINY, "-r", "market1501_baseline", "-o", tmp_path / "model")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("has a jigsaw branch; use model.jigsaw=true\n")
    assert not (tmp_path / "model").exists()
