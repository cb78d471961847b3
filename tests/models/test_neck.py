import pytest
import torch
from torch.testing import assert_close

from resight.models.neck import BNNeck, PlainNeck


def test_training_uses_the_batch_and_evaluation_the_running_values():
    neck = BNNeck(4, 3)
    with torch.no_grad():
        neck.norm.weight.copy_(torch.tensor([1.0, 2.0, 0.5, 3.0]))
    features = torch.randn(8, 4) * 3 + 1
    normed, logits = neck(features)
    mean, variance = features.mean(0), features.var(0, unbiased=False)
    assert_close(normed, (features - mean) / (variance + 1e-5).sqrt() * neck.norm.weight, atol=1e-5, rtol=1e-5)
    assert_close(logits, normed @ neck.classifier.weight.t())
    assert_close(neck.norm.running_mean, 0.1 * mean)
    assert_close(neck.norm.running_var, 0.9 + 0.1 * features.var(0))
    expected = (features - neck.norm.running_mean) / (neck.norm.running_var + 1e-5).sqrt() * neck.norm.weight
    assert_close(neck.eval()(features)[0], expected, atol=1e-5, rtol=1e-5)


def test_the_shift_is_frozen_at_zero():
    neck = BNNeck(4, 3)
    optimizer = torch.optim.SGD((p for p in neck.parameters() if p.requires_grad), lr=1.0)
    neck(torch.randn(8, 4))[1].square().sum().backward()
    optimizer.step()
    assert neck.norm.bias.tolist() == [0] * 4
    assert neck.norm.weight.grad is not None


def test_no_bias_and_small_weights():
    neck = BNNeck(64, 500)
    assert neck.classifier.bias is None
    assert neck.classifier.weight.std().item() == pytest.approx(0.001, rel=0.02)


def test_without_classes_there_is_no_classifier():
    neck = BNNeck(4, 0)
    normed, logits = neck(torch.randn(3, 4))
    assert logits is None
    assert normed.shape == (3, 4)
    assert set(neck.state_dict()) == {f"norm.{n}" for n in ("weight", "bias", "running_mean", "running_var")} | {
        "norm.num_batches_tracked"
    }


def test_the_plain_neck_changes_nothing_and_its_classifier_has_a_bias():
    neck = PlainNeck(64, 500)
    features = torch.randn(8, 64)
    same, logits = neck(features)
    assert same is features
    assert_close(logits, features @ neck.classifier.weight.t() + neck.classifier.bias)
    assert neck.classifier.weight.std().item() > 0.05, "torch's own initial weights"
    assert set(neck.state_dict()) == {"classifier.weight", "classifier.bias"}
    assert PlainNeck(4, 0)(features)[1] is None


@pytest.mark.parametrize("kind", [BNNeck, PlainNeck])
def test_labels_reach_a_classifier_with_a_margin(kind):
    neck = kind(4, 3, classifier="cosface", scale=2.0, margin=0.25).eval()
    features, labels = torch.randn(2, 4), torch.tensor([2, 0])
    gap = neck(features)[1] - neck(features, labels)[1]
    assert_close(gap, torch.tensor([[0.0, 0.0, 0.5], [0.5, 0.0, 0.0]]))
