import pytest
import timm
import torch

from resight.models import create_model, default_normalization, list_models
from resight.models.conv_stem import ConvStem
from resight.models.initial import sincos_positions
from resight.models.patch_embed import OverlapPatchEmbed
from tests.models.tiny import TINY, weightless

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


# Section 7 of the architecture notes, and 23,508,032 of a ResNet-50 without classifier; the neck shifts are frozen.
@pytest.mark.parametrize(
    ("name", "size", "identities", "parameters"),
    [
        ("vit_small_ics", (256, 128), 751, 23_675_176 - 385_000),
        ("vit_base_ics", (384, 128), 751, 89_782_312 - 769_000),
        ("vit_base_ics", (384, 128), 1041, 90_005_032 - 769_000),
        ("resnet50", (256, 128), 751, 23_508_032 + 2 * 2048 + 751 * 2048),
    ],
)
def test_parameter_counts_of_the_other_nets(name, size, identities, parameters):
    with weightless():
        model = create_model(name, num_classes=identities, image_size=size)
    assert sum(value.numel() for value in model.parameters()) == parameters


def test_names():
    ours = list_models()
    assert ours == sorted(ours)
    assert {"vit_base", "deit_small", "vit_small", "vit_small_transreid", "vit_base_ics", "resnet50"} <= set(ours)
    assert list_models("*_ics") == ["vit_base_ics", "vit_small_ics"]
    everything = list_models(timm=True)
    assert everything[: len(ours)] == ours
    assert everything.count("resnet50") == 1
    assert list_models("swin_tiny*", timm=True) == timm.list_models("swin_tiny*")


def test_our_names_win():
    with weightless():
        ours = create_model("resnet50", num_classes=0).encoder.net
        theirs = create_model("resnet50.tv_in1k", num_classes=0).encoder.net
    assert (ours.layer4[0].conv2.stride, theirs.layer4[0].conv2.stride) == ((1, 1), (2, 2))


def test_an_unknown_name():
    with pytest.raises(ValueError, match="no model named 'vit_bass'; did you mean vit_base"):
        create_model("vit_bass", num_classes=2)
    with pytest.raises(ValueError, match=r"did you mean .*convnext_tiny"):
        create_model("convnet_tiny", num_classes=2)
    with pytest.raises(ValueError, match=r"known are .*vit_base.* and those of timm"):
        create_model("%%%", num_classes=2)


def test_normalization():
    assert default_normalization("vit_base_ics") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert default_normalization("resnet50") == default_normalization("vit_small_patch14_dinov2") == imagenet
    assert default_normalization("vit_base_patch16_clip_224.openai").mean == pytest.approx(
        (0.481, 0.458, 0.408), abs=1e-3
    )
    with pytest.raises(ValueError, match="no model named 'vit_bass'"):
        default_normalization("vit_bass")
    with pytest.raises(ValueError, match=r"timm does not know test_vit\.no_such_tag: Invalid pretrained tag"):
        default_normalization("test_vit.no_such_tag")


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


def test_pooling():
    branches = [
        create_model("vit_nano", num_classes=0, pooling=pooling, **TINY).encoder.global_branch
        for pooling in ("default", "average", "gem")
    ]
    assert [getattr(branch, "pooling", None) for branch in branches] == [None, "average", "gem"]
    with pytest.raises(ValueError, match="pooling must be 'default', 'average' or 'gem', not 'mean'"):
        create_model("vit_nano", num_classes=0, pooling="mean", **TINY)
    with pytest.raises(ValueError, match="jigsaw parts read the class token"):
        create_model("vit_nano", num_classes=0, pooling="gem", jigsaw=True, jigsaw_parts=2, **TINY)


def test_the_convolution_stem_is_a_field_of_the_shape():
    stems = [
        type(create_model(name, num_classes=0, **{**TINY, "shape": {**TINY["shape"], **more}}).encoder.patch_embed)
        for name, more in (("vit_nano", {}), ("vit_nano", {"convolution_stem": True}), ("vit_small_ics", {}))
    ]
    assert stems == [OverlapPatchEmbed, ConvStem, ConvStem]


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
