import re

import pytest
import torch
from torch import Tensor, nn

from resight.models import create_model
from resight.models.probe import made_for, require_features

SIZE = (16, 8)


class Net(nn.Module):
    """Takes images of 16x8 alone, as a net with fixed positions does."""

    def __init__(self, dim: int = 4) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.layer = nn.Linear(3 * 16 * 8, dim)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(self.norm(images).flatten(1))


class NeedsValues(Net):
    """Cannot run where there are no values."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) * (1 + images.sum().item())


class Rigid(NeedsValues):
    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[2] == images.shape[3]
        return super().forward(images)


class TwoFeatures(Net):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(images), super().forward(images)


@pytest.mark.parametrize("kind", [Net, NeedsValues])
def test_a_net_that_works_is_left_as_it_was(kind):
    net = kind().train()
    weight, state = net.layer.weight, torch.get_rng_state()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    require_features("mine", net, SIZE, 4)
    assert net.training
    assert net.layer.weight is weight
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_another_size_says_what_torch_said():
    with pytest.raises(ValueError, match=r"^mine cannot take images of 32x8 \(.*mat1 and mat2 shapes"):
        require_features("mine", Net(), (32, 8), 4)


def test_a_check_without_words():
    with pytest.raises(ValueError, match=r"^mine cannot take images of 16x8 \((assert |AssertionError)"):
        require_features("mine", Rigid(), SIZE, 4)


@pytest.mark.parametrize(("kind", "found"), [(Net, r"\(2, 4\)"), (TwoFeatures, "tuple")])
def test_something_else_than_one_feature(kind, found):
    with pytest.raises(ValueError, match=rf"does not give one feature of 5 numbers .* \(2 images gave {found}\)"):
        require_features("mine", kind(), SIZE, 5)


@pytest.mark.parametrize(
    ("name", "size"), [("efficientformer_l1", 224), ("convit_tiny", 224), ("mvitv2_tiny", 224), ("nest_tiny", 224)]
)
def test_nets_of_timm_with_a_fixed_size_name_it(name, size):
    advice = f"of 256x128; it was made for {size}x{size}: try image_size=[{size}, {size}], or another net ("
    with pytest.raises(ValueError, match=re.escape(advice)):
        create_model(name, num_classes=0)


def test_the_size_that_the_message_names_works():
    assert create_model("efficientformer_l1", num_classes=0, image_size=(224, 224)).encoder.dim == 448


def test_what_timm_made_a_net_for():
    assert made_for("vit_base_patch16_siglip_384").startswith("; it was made for 384x384: try image_size=[384, 384]")
    assert made_for("test_vit.no_such_tag") == ""
    assert made_for("no_such_net") == ""
