import pytest
import torch
from torch import nn
from torch.testing import assert_close

from resight.models import create_model
from resight.models.reid import ReIDModel, join_branches
from tests.models.tiny import TINY, images, shake

DIM = 24


def model(**settings: object) -> ReIDModel:
    made = create_model("vit_nano", **{"num_classes": 5, "jigsaw": True, "jigsaw_parts": 2, **TINY, **settings})
    return shake(made)


def test_local_branches_are_divided_by_their_number():
    features = torch.arange(12.0).view(1, 3, 4)
    assert join_branches(features).tolist() == [[0, 1, 2, 3, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5]]
    assert join_branches(features[:, :1]).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("neck_feature", ["before", "after"])
def test_output(neck_feature):
    net = model(neck_feature=neck_feature).eval()
    output = net(images())
    assert output.embedding.shape == (3, 3 * DIM)
    assert net.embedding_dim == 3 * DIM
    assert output.features.shape == output.neck_features.shape == (3, 3, DIM)
    assert output.logits.shape == (3, 3, 5)
    assert_close(output.features, net.encoder(images()))
    for branch, neck in enumerate(net.necks):
        normed, logits = neck(output.features[:, branch])
        assert_close(output.neck_features[:, branch], normed)
        assert_close(output.logits[:, branch], logits)
    joined = join_branches(output.features if neck_feature == "before" else output.neck_features)
    assert_close(output.embedding, joined / joined.norm(dim=1, keepdim=True))


def test_branches_have_necks_of_their_own():
    net = model()
    assert len({id(neck.norm) for neck in net.necks}) == len({id(neck.classifier) for neck in net.necks}) == 3


@pytest.mark.parametrize("train", [True, False])
def test_the_same_type_in_training_and_evaluation(train):
    output = model(num_classes=0).train(train)(images())
    assert output.logits is None
    assert_close(output.embedding.norm(dim=1), torch.ones(3))


def test_a_single_image_in_evaluation():
    net = model().eval()
    assert_close(net(images())[0][:1], net(images()[:1])[0], atol=1e-5, rtol=1e-5)


def test_the_embedding_is_float32_under_autocast():
    net = model().eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = net(images())
    assert output.embedding.dtype == torch.float32
    assert_close(output.embedding.norm(dim=1), torch.ones(3))


def test_all_parameters_learn():
    """Nothing lies idle: no unused block, norm or classifier, as distributed training wants it."""
    net = model(num_cameras=2).train()
    output = net(images(), torch.tensor([0, 1, -1]))
    (output.logits.square().sum() + output.features.square().sum()).backward()
    idle = {name for name, value in net.named_parameters() if value.grad is None or not value.grad.any()}
    assert idle == {f"necks.{branch}.norm.bias" for branch in range(3)}


def test_neck_feature_is_before_or_after():
    with pytest.raises(ValueError, match="'before' or 'after', not 'both'"):
        ReIDModel(model().encoder, 3, neck_feature="both")


def test_without_a_neck_both_features_are_the_same():
    net = model(neck="none", neck_feature="after").eval()
    output = net(images())
    assert torch.equal(output.neck_features, output.features)
    with pytest.raises(ValueError, match="'bnneck' or 'none', not 'bn'"):
        model(neck="bn")


def test_any_encoder_will_do():
    class Mean(nn.Module):
        dim, num_branches = 3, 1

        def forward(self, images, camera=None, view=None):
            return images.mean((2, 3)).unsqueeze(1)

    output = ReIDModel(Mean(), 4)(images())
    assert output.logits.shape == (3, 1, 4)
    assert output.embedding.shape == (3, 3)
