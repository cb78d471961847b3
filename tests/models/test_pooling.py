import pytest
import timm
import torch
from timm.models.swin_transformer import SwinTransformer
from torch.testing import assert_close

from resight.models.class_token import ClassTokenBranch
from resight.models.pooling import PatchPoolingBranch, generalized_mean, use_gem
from tests.models.tiny import SHAPE, shake, tiny_vit


def test_by_hand():
    values = torch.tensor([[1.0, 2.0, 3.0], [0.0, -5.0, 2.0]])
    expected = torch.tensor([(36 / 3) ** (1 / 3), (8 / 3) ** (1 / 3)])  # below 1e-6 counts as 1e-6
    assert_close(generalized_mean(values, 1), expected)
    assert generalized_mean(values, 1, keepdim=True).shape == (2, 1)
    assert_close(generalized_mean(values[:1], 1, power=1), values[:1].mean(1))
    assert generalized_mean(values[:1], 1, power=50).item() == pytest.approx(3, rel=0.03)


def test_nothing_positive_has_a_gradient_all_the_same():
    values = torch.full((2, 4), -1.0, requires_grad=True)
    result = generalized_mean(values, 1)
    result.sum().backward()
    assert_close(result, torch.full((2,), 1e-6))
    assert values.grad.isfinite().all()


@pytest.mark.parametrize("num_leading", [1, 3])
@pytest.mark.parametrize("pooling", ["average", "gem"])
def test_branch_pools_what_the_whole_block_gives(pooling, num_leading):
    vit = tiny_vit().eval()
    branch = PatchPoolingBranch(vit.blocks[1], vit.norm, pooling=pooling, num_leading=num_leading)
    tokens = torch.randn(2, 9, SHAPE.width, generator=torch.Generator().manual_seed(0))
    whole = vit.norm(vit.blocks[1](tokens))
    class_token, patches = whole[:, 0], whole[:, num_leading:]
    expected = patches.mean(1) if pooling == "average" else class_token + (patches.clamp(1e-6) ** 3).mean(1) ** (1 / 3)
    assert_close(branch(tokens), expected)


def test_weights_are_called_as_those_of_the_class_token():
    vit = tiny_vit()
    branch = PatchPoolingBranch(vit.blocks[1], vit.norm, pooling="gem")
    assert set(branch.state_dict()) == set(ClassTokenBranch(vit.blocks[1], vit.norm).state_dict())


def swin() -> torch.nn.Module:
    return SwinTransformer(
        img_size=32, patch_size=4, embed_dim=12, depths=(1, 1), num_heads=(2, 2), window_size=4, num_classes=0
    )


def small(name: str) -> torch.nn.Module:
    return timm.create_model(name, num_classes=0)


@pytest.mark.parametrize(
    ("make", "axes", "norm_follows"),
    [
        (lambda: small("test_resnet"), (2, 3), False),
        (lambda: small("test_convnext"), (2, 3), True),
        (swin, (1, 2), False),
    ],
    ids=["channels first", "norm behind the pooling", "channels last"],
)
def test_in_place_of_the_average_of_a_timm_net(make, axes, norm_follows):
    net = shake(make()).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = net.forward_features(images)
        plain = net(images)
        assert use_gem(net)
        pooled = net(images)
    expected = (features.clamp(1e-6) ** 3).mean(axes) ** (1 / 3)
    if norm_follows:
        norm = net.head.norm
        expected = torch.nn.functional.layer_norm(expected, (len(norm.weight),), norm.weight, norm.bias, norm.eps)
    assert not torch.allclose(plain, pooled)
    assert_close(pooled, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["test_vit2", "test_mambaout"])
def test_a_net_that_pools_in_another_way_is_left_alone(name):
    net = shake(small(name)).eval()
    images = torch.randn(1, 3, *net.pretrained_cfg["input_size"][1:])
    with torch.no_grad():
        before = net(images)
        assert not use_gem(net)
        assert torch.equal(net(images), before)


def test_small_values_have_a_gradient_in_half_precision() -> None:
    """The third power of 0.001 is 0 in float16."""
    values = torch.tensor([[1e-3, 2e-3], [-1.0, 1.0]], dtype=torch.float16, requires_grad=True)
    precise = values.detach().double().requires_grad_()
    for one in (values, precise):
        generalized_mean(one, 1).sum().backward()
    assert generalized_mean(values, 1).dtype == torch.float16
    assert_close(values.grad, precise.grad, check_dtype=False, atol=1e-3, rtol=1e-3)
