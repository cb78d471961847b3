import pytest
import torch

from resight.models import create_model
from resight.models.weights.description import describe, names_that_fit
from resight.models.weights.weight_file import from_tensors
from tests.models.tiny import weightless
from tests.models.weights.official import backbone_state, official_state, tiny_model


def test_all_that_tensors_tell() -> None:
    model = tiny_model(jigsaw=True, num_cameras=3, num_views=2)
    found = describe(from_tensors(official_state(model), source="x"))
    assert found is not None
    assert (found.width, found.depth, found.mlp_ratio, found.qkv_bias, found.patch_size) == (24, 2, 4.0, True, 8)
    assert (found.positions, found.grid, found.sizes) == (9, (4, 2), ())
    assert (found.side_rows, found.has_parts, found.num_branches, found.num_classes) == (6, True, 3, 5)


def test_a_net_alone() -> None:
    found = describe(from_tensors(backbone_state(tiny_model()), source="x"))
    assert found is not None
    assert (found.side_rows, found.has_parts, found.num_branches, found.num_classes) == (0, False, 0, 0)


@pytest.mark.parametrize(
    ("name", "size", "stride"),
    [
        ("vit_base", (256, 128), 12),
        ("deit_small", (384, 128), 16),
        ("vit_small_transreid", (256, 256), 12),
        ("vit_base_ics", (384, 128), 16),
    ],
)
def test_the_papers_nets_and_sizes(name: str, size: tuple[int, int], stride: int) -> None:
    with weightless():
        state = create_model(name, num_classes=3, image_size=size, stride=stride).state_dict()
    file = from_tensors(state, source="x")
    found = describe(file)
    assert found is not None
    assert found.sizes == ((size, stride),)
    same = {"vit_base": {"vit_base", "deit_base"}, "deit_small": {"deit_small", "vit_small"}}
    assert set(names_that_fit(file)) == same.get(name, {name})


def test_a_grid_that_cannot_be_told() -> None:
    state = {**backbone_state(tiny_model()), "pos_embed": torch.zeros(1, 8, 24)}
    found = describe(from_tensors(state, source="x"))
    assert found is not None
    assert (found.positions, found.grid, found.sizes) == (8, None, ())


def test_other_nets() -> None:
    state = {"conv1.weight": torch.zeros(1), "layer3.5.conv3.weight": torch.zeros(1)}
    assert describe(from_tensors(state, source="x")) is None
    assert names_that_fit(from_tensors(state, source="x")) == ["resnet50"]
    ibn = {**state, "layer1.0.bn1.IN.weight": torch.zeros(1)}
    assert names_that_fit(from_tensors(ibn, source="x")) == ["resnet50_ibn_a"]
    resnet101 = {**state, "layer3.6.conv3.weight": torch.zeros(1)}
    assert names_that_fit(from_tensors(resnet101, source="x")) == []
    assert names_that_fit(from_tensors({"stem.weight": torch.zeros(1)}, source="x")) == []
