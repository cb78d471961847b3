import pytest
import torch

from resight.errors import ModelFormatError
from resight.models import create_model
from resight.models.weights.transreid import from_transreid, transreid_names
from tests.models.tiny import TINY, shake
from tests.models.weights.official import official_names


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("jigsaw", [False, True])
def test_all_weights_find_their_place(jigsaw, prefix):
    names = official_names(jigsaw=jigsaw)
    model = create_model("vit_nano", num_classes=5, num_cameras=3, jigsaw=jigsaw, jigsaw_parts=2, **TINY)
    state = shake(model).state_dict()
    official = {prefix + theirs: state[ours] if ours else torch.zeros(1) for theirs, ours in names.items()}
    translated = from_transreid(official)
    assert translated.keys() == state.keys()
    assert all(translated[name] is official[prefix + theirs] for theirs, name in names.items() if name)
    model.load_state_dict(translated, strict=True)


def test_more_than_nine_blocks_are_counted_as_numbers():
    state = {f"base.blocks.{number}.norm1.weight": torch.zeros(1) for number in range(12)}
    translated = from_transreid(state)
    assert "encoder.blocks.10.norm1.weight" in translated
    assert translated["encoder.global_branch.block.norm1.weight"] is state["base.blocks.11.norm1.weight"]


def test_the_backbone_alone():
    names = official_names(jigsaw=False)
    state = {theirs.removeprefix("base."): torch.zeros(1) for theirs in names if theirs.startswith("base.")}
    assert set(from_transreid(state)) == {ours for ours in names.values() if ours.startswith("encoder.")}


def test_the_state_is_left_as_it_is():
    state = {"module.base.blocks.0.norm1.weight": torch.zeros(1)}
    from_transreid(state)
    assert list(state) == ["module.base.blocks.0.norm1.weight"]


def test_something_else_is_refused():
    with pytest.raises(ModelFormatError, match="no block of a ViT"):
        from_transreid({"layer1.0.conv1.weight": torch.zeros(1)})


def test_the_resnet_of_the_strong_baseline():
    names = transreid_names(["base.conv1.weight", "base.layer1.0.conv1.weight", "base.fc.weight", "bottleneck.bias"])
    assert names == {
        "base.conv1.weight": "encoder.net.conv1.weight",
        "base.layer1.0.conv1.weight": "encoder.net.layer1.0.conv1.weight",
        "base.fc.weight": None,
        "bottleneck.bias": "necks.0.norm.bias",
    }
