import pytest
import torch

from resight.errors import ModelFormatError
from resight.models import create_model
from resight.models.weights.transreid import from_transreid
from tests.models.tiny import TINY, shake

LAYERS = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
BLOCK = [f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")]
NECK = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def official_names(*, jigsaw: bool) -> dict[str, str]:
    """Official name to ours, written out, for two blocks, two parts and cameras; "" for what is unused."""
    names = {
        "base.cls_token": "encoder.cls_token",
        "base.pos_embed": "encoder.pos_embed",
        "base.sie_embed": "encoder.side_information.table",
        "base.patch_embed.proj.weight": "encoder.patch_embed.proj.weight",
        "base.patch_embed.proj.bias": "encoder.patch_embed.proj.bias",
        "base.fc.weight": "",
        "base.fc.bias": "",
        "classifier.weight": "necks.0.classifier.weight",
    }
    names |= {f"base.blocks.0.{name}": f"encoder.blocks.0.{name}" for name in BLOCK}
    names |= {f"base.blocks.1.{name}": "" if jigsaw else f"encoder.global_branch.block.{name}" for name in BLOCK}
    names |= {f"base.norm.{n}": "" if jigsaw else f"encoder.global_branch.norm.{n}" for n in ("weight", "bias")}
    names |= {f"bottleneck.{name}": f"necks.0.norm.{name}" for name in NECK}
    if jigsaw:
        for theirs, ours in (("b1", "global_branch"), ("b2", "local_branch")):
            names |= {f"{theirs}.0.{name}": f"encoder.{ours}.block.{name}" for name in BLOCK}
            names |= {f"{theirs}.1.{name}": f"encoder.{ours}.norm.{name}" for name in ("weight", "bias")}
        for part in (1, 2):
            names |= {f"bottleneck_{part}.{name}": f"necks.{part}.norm.{name}" for name in NECK}
            names[f"classifier_{part}.weight"] = f"necks.{part}.classifier.weight"
    return names


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
