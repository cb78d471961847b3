import pytest
import torch

from resight.models import create_model, list_models
from resight.models.initial import sincos_positions
from tests.models.tiny import TINY, images, weightless

FULL = [
    # identities, cameras; baseline, + side information, + jigsaw, both: section 7 of the architecture notes
    (751, 6, (87_093_736, 87_098_344, 103_585_768, 103_590_376)),
    (702, 8, (87_056_104, 87_062_248, 103_397_608, 103_403_752)),
    (1041, 15, (87_316_456, 87_327_976, 104_699_368, 104_710_888)),
]
UNUSED_CLASSIFIER = 769_000
UNUSED_BLOCK_AND_NORM = 7_087_872 + 2 * 768


@pytest.mark.parametrize(("identities", "cameras", "counts"), FULL)
def test_parameter_counts(identities, cameras, counts):
    """Those of the official models, less what they carry along unused."""
    ours = []
    for jigsaw in (False, True):
        for num_cameras in (0, cameras):
            with weightless():
                model = create_model("vit_base", num_classes=identities, num_cameras=num_cameras, jigsaw=jigsaw)
            unused = UNUSED_CLASSIFIER + (UNUSED_BLOCK_AND_NORM if jigsaw else 0)
            ours.append(unused + sum(value.numel() for value in model.parameters()))
    assert tuple(ours) == counts


def test_only_the_shift_of_the_necks_is_frozen():
    with weightless():
        model = create_model("vit_base", num_classes=751, num_cameras=6, jigsaw=True)
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert frozen == {f"necks.{branch}.norm.bias" for branch in range(5)}


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("jigsaw", [False, True])
def test_every_model_runs(name, jigsaw):
    """At the smallest depth and width that keep the proportions; what is tested is the whole, not the size."""
    torch.manual_seed(0)
    settings = {**TINY, "jigsaw": jigsaw, "jigsaw_parts": 2, "num_cameras": 2, "num_views": 3}
    model = create_model(name, num_classes=5, **settings).train()
    output = model(images(), torch.tensor([0, 1, -1]), torch.tensor([2, -1, 0]))
    assert output.logits.shape == (3, 3 if jigsaw else 1, 5)
    (output.logits.sum() + output.features.square().sum()).backward()
    assert all(value.grad is not None for value in model.parameters() if value.requires_grad)
    copy = create_model(name, num_classes=5, **settings)
    copy.load_state_dict(model.state_dict())
    assert torch.equal(copy.eval()(images())[0], model.eval()(images())[0])


def test_names():
    assert list_models() == sorted(list_models())
    assert {"vit_base", "deit_small", "vit_small", "vit_small_transreid", "vit_nano"} <= set(list_models())


def test_an_unknown_name():
    with pytest.raises(ValueError, match="no model named 'vit_bass'; did you mean vit_base"):
        create_model("vit_bass", num_classes=2)
    with pytest.raises(ValueError, match=r"known are .*vit_base"):
        create_model("resnet50", num_classes=2)


def test_unknown_fields_of_the_shape():
    with pytest.raises(ValueError, match=r"unknown fields of shape: \['widht'\]; known are \['width'"):
        create_model("vit_nano", num_classes=2, shape={"widht": 24})


def test_without_stride_patches_do_not_overlap():
    model = create_model("vit_nano", num_classes=0, **TINY)
    assert (model.encoder.patch_embed.stride, model.encoder.patch_embed.grid_size) == (8, (4, 2))
    overlapping = create_model("vit_nano", num_classes=0, stride=4, **TINY)
    assert overlapping.encoder.patch_embed.grid_size == (7, 3)
    assert overlapping.encoder.pos_embed.shape == (1, 22, 24)


def test_side_information_is_there_when_it_is_asked_for():
    assert create_model("vit_nano", num_classes=0, **TINY).encoder.side_information is None
    side = create_model("vit_nano", num_classes=0, num_views=4, side_coefficient=1.5, **TINY).encoder.side_information
    assert (side.num_cameras, side.num_views, side.coefficient) == (0, 4, 1.5)


def test_settings_of_the_jigsaw():
    settings = {"num_classes": 0, "jigsaw": True, "jigsaw_parts": 2, **TINY}
    rearranged = create_model("vit_nano", jigsaw_shift=3, jigsaw_groups=4, **settings)
    assert rearranged.encoder.parts.tolist() == [[3, 5, 7, 1], [4, 6, 8, 2]]
    plain = create_model("vit_nano", jigsaw_rearrange=False, **settings)
    assert plain.encoder.parts.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_too_few_patches_for_the_jigsaw():
    with pytest.raises(ValueError, match="8 patches cannot be cut into 9 parts"):
        create_model("vit_nano", num_classes=0, jigsaw=True, jigsaw_parts=9, **TINY)


def test_initial_weights():
    torch.manual_seed(0)
    plain, structured = (
        create_model("vit_nano", num_classes=0, initial_weights=kind, **TINY) for kind in ("official", "structured")
    )
    assert plain.encoder.pos_embed.std() < 0.03
    assert torch.equal(structured.encoder.pos_embed[0, 1:], 0.3 * sincos_positions((4, 2), 24))
    assert structured.encoder.pos_embed[0, 0].abs().max() < 0.1
    with pytest.raises(ValueError, match="'official' or 'structured', not 'random'"):
        create_model("vit_nano", num_classes=0, initial_weights="random", **TINY)
