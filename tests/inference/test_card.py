import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from resight.data.transforms import EvalTransform
from resight.errors import ModelFormatError
from resight.functional.calibration import Calibration, CalibrationTest
from resight.functional.rerank import Rerank
from resight.inference import Embedder, EvaluationProtocol, ModelCard, read_card, read_model, write_card, write_model
from resight.models import create_model
from tests.inference.conftest import SETTINGS


def _change(folder: Path, **values: Any) -> None:
    path = folder / "card.json"
    content = json.loads(path.read_text())
    content.update(values)
    path.write_text(json.dumps({name: value for name, value in content.items() if value != "gone"}))


def test_card_and_weights_come_back(embedder: Embedder, folder: Path) -> None:
    model, card = read_model(folder)
    assert card.transform == embedder.card.transform == EvalTransform((32, 16), (0.1, 0.2, 0.3), (0.3, 0.4, 0.5))
    assert (card.cameras, card.views, card.flip) == (("1", "2"), ("front", "rear"), False)
    assert (card.metrics, card.about) == ({"mean_ap": 0.5}, {"recipe": "none"})
    assert not model.training
    for name, value in embedder.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert sorted(file.name for file in folder.iterdir()) == ["card.json", "model.safetensors"]


def test_weights_may_be_read_by_whom_the_card_may(folder: Path) -> None:
    assert (folder / "model.safetensors").stat().st_mode == (folder / "card.json").stat().st_mode


def test_protocol_comes_back_and_old_cards_have_the_usual_one(embedder: Embedder, folder: Path) -> None:
    protocol = EvaluationProtocol(
        "cosine", cross_camera=False, both_directions=True, max_rank=7, rerank=Rerank(50, 15, 0.2)
    )
    write_model(folder, embedder.model, replace(embedder.card, protocol=protocol))
    assert read_card(folder).protocol == protocol
    _change(folder, protocol={"max_rank": 3})
    assert read_card(folder).protocol == EvaluationProtocol("squared_euclidean", True, False, 3)
    _change(folder, protocol="gone")
    assert read_card(folder).protocol == EvaluationProtocol()
    for wrong in ({"shuffle": True}, {"rerank": {"k1": 0}}, {"rerank": {"k3": 5}}):
        _change(folder, protocol=wrong)
        with pytest.raises(ModelFormatError, match=r"is not a model card that can be read: .*(shuffle|k1|k3)"):
            read_card(folder)


CALIBRATION = Calibration(
    metric="cosine", cross_camera=True, prior=0.5, distances=(0.2, 1.0), evidence=(3.0, -4.0), thresholds=(0.1, 1.2),
    fpr=(0.0, 1.0), tpr=(0.2, 1.0), num_same=10, num_different=100, num_identities=5, num_gallery=20,
    held_out=CalibrationTest(0.2, 0.69, 0.01, (None, 0.9), (None, 0.8), (0.0, 1.0)),
)  # fmt: skip


def test_calibration_comes_back_and_old_cards_have_none(embedder: Embedder, folder: Path) -> None:
    assert read_card(folder).calibration is None
    weights = (folder / "model.safetensors").stat()
    write_card(folder, replace(embedder.card, calibration=CALIBRATION))
    assert read_card(folder).calibration == CALIBRATION
    assert read_card(folder).calibration.probability(0.2) > 0.9  # type: ignore[union-attr]
    assert (folder / "model.safetensors").stat() == weights, "only the card was written"
    _change(folder, calibration="gone")
    assert read_card(folder).calibration is None


@pytest.mark.parametrize(
    "changes", [{"evidence": [1.0]}, {"evidence": [-4.0, 3.0]}, {"distances": None}, {"surprise": 1}, {"held_out": {}}]
)
def test_a_damaged_calibration(folder: Path, changes: dict[str, Any]) -> None:
    _change(folder, calibration={**CALIBRATION.to_json(), **changes})
    with pytest.raises(ModelFormatError, match="is not a model card that can be read"):
        read_card(folder)


def test_classifiers_are_not_stored(tmp_path: Path) -> None:
    model = create_model("vit_nano", num_classes=5, jigsaw=True, **SETTINGS | {"image_size": (64, 32)})
    settings = {**SETTINGS, "image_size": (64, 32), "num_classes": 5, "jigsaw": True}
    write_model(tmp_path, model, ModelCard("vit_nano", settings, EvalTransform((64, 32))))
    stored = load_file(tmp_path / "model.safetensors")
    assert not [name for name in stored if "classifier" in name]
    read, _ = read_model(tmp_path)
    assert read.num_classes == 0
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        assert torch.equal(read(images).embedding, model.eval()(images).embedding)


def test_no_card_and_a_hint_at_the_model_of_a_run(folder: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"is no model folder: it has no card\.json; did you mean .*model\?"):
        read_card(folder.parent)
    (folder / "card.json").unlink()
    with pytest.raises(ModelFormatError, match=r"it has no card\.json$"):
        read_card(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", '{"format_version": "new"}'])
def test_no_card_at_all(folder: Path, content: str) -> None:
    (folder / "card.json").write_text(content)
    with pytest.raises(ModelFormatError, match=r"card\.json is not a model card that can be read"):
        read_card(folder)


def test_a_binary_card(folder: Path) -> None:
    (folder / "card.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelFormatError, match="is not a model card that can be read"):
        read_card(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"transform": "gone"},
        {"cameras": "gone"},
        {"settings": None},
        {"transform": {"size": 3}},
        {"transform": [1]},
        {"licence": "what?"},
    ],
)
def test_a_card_with_other_entries(folder: Path, changes: dict[str, Any]) -> None:
    _change(folder, **changes)
    with pytest.raises(ModelFormatError, match="is not a model card that can be read"):
        read_card(folder)


def test_a_card_from_the_future(folder: Path) -> None:
    _change(folder, format_version=2, surprise=1)
    with pytest.raises(ModelFormatError, match="has format 2, newer than the 1 known here; update resight"):
        read_card(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "vit_gigantic"}, "vit_gigantic"),
        ({"settings": {**SETTINGS, "flavour": 3}}, "flavour"),
        ({"settings": {"num_cameras": 2, "num_views": 2}}, "image_size"),
        ({"settings": {**SETTINGS, "shape": {"widht": 3}}}, "widht"),
    ],
)
def test_a_model_that_this_version_cannot_build(folder: Path, changes: dict[str, Any], message: str) -> None:
    _change(folder, **changes)
    with pytest.raises(ModelFormatError, match=f"cannot build the model that the card describes: .*{message}"):
        read_model(folder)


def test_weights_that_do_not_fit(folder: Path) -> None:
    weights = folder / "model.safetensors"
    state = load_file(weights)
    cases: list[tuple[dict[str, torch.Tensor], str]] = [
        ({name: value for name, value in state.items() if name != "encoder.cls_token"}, "Missing.*cls_token"),
        ({**state, "surprise": torch.zeros(1)}, "Unexpected.*surprise"),
        ({**state, "encoder.cls_token": torch.zeros(1, 1, 3)}, "size mismatch.*cls_token"),
    ]
    for content, message in cases:
        save_file(content, weights)
        with pytest.raises(ModelFormatError, match=f"(?s)does not fit its card or is damaged: .*{message}"):
            read_model(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_model_that_cannot_be_written_keeps_the_one_before(folder: Path) -> None:
    """A limit of the operating system on file sizes fails as a full disk does: in the middle of a write."""
    import resource

    model, card = read_model(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=r"model\.safetensors could not be written \(.*\); make room, then try again"):
            write_model(folder, model, card)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_damaged_and_missing_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ModelFormatError, match="does not fit its card or is damaged"):
        read_model(folder)
    weights.unlink()
    with pytest.raises(ModelFormatError, match=r"a card but no weights \(model\.safetensors\)"):
        read_model(folder)


def test_cameras_that_do_not_fit_the_table(folder: Path) -> None:
    """A third name would read beyond the table of two."""
    _change(folder, cameras=["1", "2", "3"])
    with pytest.raises(ModelFormatError, match="the card names 3 cameras, but its model has a table for 2"):
        read_model(folder)
