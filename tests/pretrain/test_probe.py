import pytest
import torch
import torch.nn.functional as F

from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform
from resight.errors import DataError
from resight.pretrain.probe import Probe, knn_accuracy
from tests.pretrain.toy import toy_backbone, toy_task, toy_trainer


def test_votes_of_the_nearest_others() -> None:
    angles = torch.tensor([0.0, 0.1, 0.2, 1.5, 1.6, 0.15])
    features = torch.stack([angles.cos(), angles.sin()], 1)
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    # The last lies among the others' identity, all else is right.
    assert knn_accuracy(features, labels, neighbors=1, chunk=4) == pytest.approx(3 / 6)
    assert knn_accuracy(features, labels, neighbors=3) == pytest.approx(5 / 6)


def test_more_neighbours_than_rows() -> None:
    features = F.normalize(torch.randn(3, 4), dim=1)
    assert knn_accuracy(features, torch.zeros(3, dtype=torch.long)) == 1.0


def test_numbers_of_a_run(tiny_manifest: Manifest) -> None:
    task = toy_task("dino", backbone=toy_backbone(shape={"convolution_stem": True}))
    modes = [module.training for module in task.target.modules()]
    state = {name: value.clone() for name, value in task.target.state_dict().items()}
    probe = Probe(task, tiny_manifest, EvalTransform((32, 16)), neighbors=3, batch_size=7)
    numbers = probe(task.model)
    assert set(numbers) == {"knn_accuracy", "probe_map"}
    assert 0 <= numbers["probe_map"] <= 1
    assert 0 <= numbers["knn_accuracy"] <= 1
    assert [module.training for module in task.target.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in task.target.state_dict().items())


def test_identities_of_one_hue_are_told_apart(tiny_manifest: Manifest) -> None:
    """Even by a net that has learned nothing."""
    probe = Probe(toy_task("dino"), tiny_manifest, EvalTransform((32, 16)), neighbors=1)
    assert probe(torch.nn.Identity())["knn_accuracy"] > 0.5


def test_the_trainer_takes_it(tiny_manifest: Manifest) -> None:
    task, rows = toy_task("moby"), []
    trainer = toy_trainer(task, epochs=2, evaluate_every=1)
    trainer.hooks.evaluate = Probe(task, tiny_manifest, EvalTransform((32, 16)))
    trainer.hooks.on_row = rows.append
    trainer.fit()
    assert {"loss", "feature_std", "feature_rank", "knn_accuracy", "probe_map"} <= set(rows[0])


def test_without_a_test_split_there_is_no_map(tiny_manifest: Manifest) -> None:
    numbers = Probe(toy_task("dino"), tiny_manifest.split("train"), EvalTransform((32, 16)))(torch.nn.Identity())
    assert set(numbers) == {"knn_accuracy"}


def test_images_that_cannot_be_compared(tiny_manifest: Manifest) -> None:
    with pytest.raises(DataError, match="two or more of some"):
        Probe(toy_task("dino"), tiny_manifest.select([0, 4]), EvalTransform((32, 16)))
