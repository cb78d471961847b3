import pytest
import torch
from torch.testing import assert_close

from resight.functional.margin import arcface_logits, circle_logits, class_cosines, cosface_logits
from resight.models import create_model
from resight.models.classifiers import MARGIN_RULES, LinearClassifier, MarginClassifier, create_classifier
from tests.models.tiny import TINY, images, shake

LABELS = torch.tensor([4, 0, 2])


def features() -> torch.Tensor:
    return torch.randn(3, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "function", "scale", "margin"),
    [
        ("arcface", arcface_logits, 30, 0.5),
        ("cosface", cosface_logits, 30, 0.5),
        ("amsoftmax", cosface_logits, 30, 0.5),
        ("circle", circle_logits, 256, 0.25),
    ],
)
def test_margins_apply_to_the_given_labels(name, function, scale, margin):
    usual = create_classifier(name, 8, 5)
    cosine = class_cosines(features(), usual.weight)
    assert_close(usual(features(), LABELS), function(cosine, LABELS, scale=scale, margin=margin))
    assert_close(usual(features()), scale * cosine)
    own = create_classifier(name, 8, 5, scale=3.0, margin=0.1)
    cosine = class_cosines(features(), own.weight)
    assert_close(own(features(), LABELS), function(cosine, LABELS, scale=3.0, margin=0.1))
    assert set(usual.state_dict()) == {"weight"}
    assert usual.weight.shape == (5, 8)


def test_linear_reads_no_labels():
    classifier = create_classifier("linear", 8, 5)
    assert isinstance(classifier, LinearClassifier)
    assert torch.equal(classifier(features(), LABELS), classifier(features()))
    assert_close(classifier(features()), features() @ classifier.weight.t())


def test_bad_choices_are_named():
    with pytest.raises(ValueError, match="no classifier named 'arcfaec'; choose linear, arcface, cosface, amsoftmax"):
        create_classifier("arcfaec", 8, 5)
    with pytest.raises(ValueError, match="linear classifier has neither scale nor margin"):
        create_classifier("linear", 8, 5, margin=0.5)


@pytest.mark.parametrize("name", MARGIN_RULES)
def test_float32_under_autocast(name):
    classifier = create_classifier(name, 8, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = classifier(features(), LABELS)
    assert logits.dtype == torch.float32
    assert_close(logits, classifier(features(), LABELS))


@pytest.mark.parametrize("name", MARGIN_RULES)
def test_every_branch_of_a_model_has_one(name):
    net = shake(create_model("vit_nano", num_classes=5, jigsaw=True, jigsaw_parts=2, classifier=name, **TINY)).eval()
    assert [type(neck.classifier) for neck in net.necks] == [MarginClassifier] * 3
    assert "necks.2.classifier.weight" in net.state_dict()
    plain, trained = net(images()), net(images(), labels=LABELS)
    for branch, neck in enumerate(net.necks):
        normed = plain.neck_features[:, branch]
        assert_close(plain.logits[:, branch], neck.classifier(normed))
        assert_close(trained.logits[:, branch], neck.classifier(normed, LABELS))
        assert not torch.equal(trained.logits[:, branch], plain.logits[:, branch])
    assert_close(trained.embedding, plain.embedding)
    trained.logits.logsumexp(2).sum().backward()
    assert all(neck.classifier.weight.grad.any() for neck in net.necks)
