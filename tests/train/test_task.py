import pytest
import torch

from resight.errors import DataError
from resight.losses import ReIDLoss
from resight.train import SupervisedTask
from tests.train.toy import toy_batch, toy_model


def test_terms_are_those_of_the_loss() -> None:
    model = toy_model().eval()
    task = SupervisedTask(model, ReIDLoss(identity_weight=2.0))
    batch = toy_batch(0, 0)
    terms = task.terms(model, batch)
    output = model(batch.images, batch.cameras, batch.views)
    expected = ReIDLoss(identity_weight=2.0)(output.features, output.logits, batch.labels)
    assert terms["loss"].item() == pytest.approx(expected.total.item())
    assert terms["loss"].item() == pytest.approx(2 * terms["identity_loss"].item() + terms["triplet_loss"].item())
    right = (output.logits[:, 0].argmax(1) == batch.labels).sum().item()
    assert terms["accuracy"].item() == pytest.approx(right / 6)


def test_the_camera_reaches_the_model() -> None:
    model = toy_model().eval()
    task = SupervisedTask(model, ReIDLoss())
    batch = toy_batch(0, 0)
    swapped = batch._replace(cameras=torch.tensor([1, 0, 1, 0, 1, 0]))
    assert task.terms(model, batch)["loss"] != task.terms(model, swapped)["loss"]


def test_a_row_without_identity_is_named() -> None:
    model = toy_model()
    batch = toy_batch(0, 0)._replace(labels=torch.tensor([0, 0, 1, 1, -1, 2]))
    with pytest.raises(DataError, match=r"training rows \[4\] have no identity"):
        SupervisedTask(model, ReIDLoss()).terms(model, batch)


def test_labels_reach_the_classifiers() -> None:
    model = toy_model(classifier="cosface").eval()
    batch = toy_batch(0, 0)
    terms = SupervisedTask(model, ReIDLoss(triplet_weight=0)).terms(model, batch)
    logits = model(batch.images, batch.cameras, batch.views, batch.labels).logits[:, 0]
    expected = torch.nn.functional.cross_entropy(logits, batch.labels)
    assert terms["identity_loss"].item() == pytest.approx(expected.item())
    plain = model(batch.images, batch.cameras, batch.views).logits[:, 0]
    assert expected > torch.nn.functional.cross_entropy(plain, batch.labels) + 1


def test_without_identity_loss_the_necks_stay_out_of_training() -> None:
    model = toy_model()
    SupervisedTask(model, ReIDLoss(identity_weight=0))
    assert not any(parameter.requires_grad for parameter in model.necks.parameters())
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())


@pytest.mark.parametrize("joined", [False, True])
def test_a_batch_that_unreadable_images_left_with_one_identity(joined: bool) -> None:
    batch = toy_batch(0, 0)._replace(labels=torch.zeros(6, dtype=torch.int64), skipped=("cannot read x.jpg", "y"))

    def terms(loss: ReIDLoss) -> object:
        task = SupervisedTask(toy_model(), loss)
        if joined:
            return task.joined_terms(task.encode(task.encoder, batch), [batch])
        return task.terms(task.model, batch)

    with pytest.raises(DataError, match=r"one identity, since 2 of its images .* the first: cannot read x\.jpg"):
        terms(ReIDLoss())
    assert terms(ReIDLoss(triplet_weight=0))
