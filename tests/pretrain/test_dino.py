import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from resight.pretrain.dino_loss import dino_loss, teacher_probabilities
from resight.pretrain.koleo import koleo
from resight.pretrain.masking import masked_patch_loss, random_masks
from tests.pretrain.toy import toy_backbone, toy_task, toy_trainer, toy_views


def _pair_by_pair(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    terms = [
        -(teacher[u] * (student[v] / temperature).log_softmax(-1)).sum(-1).mean()
        for u in range(len(teacher))
        for v in range(len(student))
        if u != v
    ]
    return torch.stack(terms).mean()


@pytest.mark.parametrize(("views", "globals_"), [(10, 2), (2, 2), (5, 3), (2, 1)])
def test_loss_against_every_pair_by_itself(views: int, globals_: int) -> None:
    student = torch.randn(views, 3, 11, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(globals_, 3, 11, dtype=torch.float64).softmax(-1)
    assert_close(dino_loss(student, teacher, 0.1), _pair_by_pair(student, teacher, 0.1).float(), check_dtype=False,
                 rtol=1e-5, atol=1e-5)  # fmt: skip
    ours, theirs = (torch.autograd.grad(f(student, teacher, 0.1), student)[0] for f in (dino_loss, _pair_by_pair))
    assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_loss_of_huge_scores_stays_finite() -> None:
    student = torch.tensor([[[1e4, -1e4]], [[-1e4, 1e4]]])
    assert math.isfinite(dino_loss(student, teacher_probabilities(student, torch.zeros(1, 2), 0.04), 0.1).item())


def test_loss_without_a_pair() -> None:
    with pytest.raises(ValueError, match="two crops or more"):
        dino_loss(torch.randn(1, 2, 3), torch.rand(1, 2, 3), 0.1)


def test_prototypes_stay_in_the_first_epoch_alone() -> None:
    task = toy_task("dino", freeze_epochs=1)
    before = task.model.head.last_layer.weight_v.detach().clone()
    toy_trainer(task, epochs=1).fit()
    assert torch.equal(task.model.head.last_layer.weight_v, before)
    toy_trainer(task, epochs=2).fit()
    assert not torch.equal(task.model.head.last_layer.weight_v, before)


def test_two_accumulated_batches_are_one_of_both() -> None:
    """No batch norm mixes rows here, and the center of the step before serves both halves."""
    whole = toy_views("dino", batch=8)
    halves = [
        type(whole)(tuple(crops[:, part] for crops in whole.views), whole.rows[part])
        for part in (slice(0, 4), slice(4, 8))
    ]
    results = []
    for batches, accumulation in (([whole], 1), (halves, 2)):
        task = toy_task("dino", backbone=toy_backbone(drop_path=0.0), freeze_epochs=0)
        trainer = toy_trainer(task, epochs=1, accumulation=accumulation)
        trainer.batches = lambda epoch, start, batches=batches: batches
        trainer.schedule = lambda t, peak: 1e-3
        trainer.optimizer = torch.optim.SGD([{"params": list(task.model.parameters()), "peak_lr": 1.0}], lr=1.0)
        trainer.fit()
        results.append(task)
    assert_close(results[0].center, results[1].center)
    assert_close(dict(results[0].model.state_dict()), dict(results[1].model.state_dict()), rtol=1e-4, atol=1e-6)


def test_the_teacher_has_no_stochastic_depth_and_no_gradient() -> None:
    task = toy_task("dino")
    images = toy_views("dino").views[0].flatten(0, 1)
    assert torch.equal(task.target.backbone(images), task.target.backbone(images))
    assert not torch.equal(task.model.backbone(images), task.model.backbone(images))
    assert not any(parameter.requires_grad for parameter in task.target.parameters())
    assert task.backbone is task.target.backbone


def test_koleo_prefers_features_that_are_apart() -> None:
    apart = torch.eye(4)
    close = torch.eye(4)[[0, 0, 1, 1]] + 0.01 * torch.randn(4, 4)
    assert koleo(apart) < koleo(close)
    assert koleo(apart).item() == pytest.approx(-math.log(math.sqrt(2)), abs=1e-4)
    with pytest.raises(ValueError, match="two or more"):
        koleo(torch.randn(1, 4))


def test_masks_hide_a_share_of_some_images() -> None:
    torch.manual_seed(0)
    masks = random_masks(400, 100)
    counts = masks.sum(1)
    assert 150 < (counts > 0).sum() < 250
    assert counts[counts > 0].min() >= 10
    assert counts.max() <= 50


def test_loss_of_hidden_patches() -> None:
    masks = torch.tensor([[True, False, True], [False, False, False], [False, True, False]])
    student = torch.randn(3, 5)
    teacher = torch.randn(3, 5).softmax(-1)
    each = -(teacher * (student / 0.1).log_softmax(-1)).sum(-1)
    assert_close(masked_patch_loss(student, teacher, masks, 0.1), (each[:2].mean() + each[2]) / 2)
    assert masked_patch_loss(student[:0], teacher[:0], torch.zeros(2, 3, dtype=torch.bool), 0.1) == 0


def test_hidden_patches_change_what_the_student_sees() -> None:
    task = toy_task("dino", backbone=toy_backbone(drop_path=0.0), masking=1.0)
    images = toy_views("dino").views[0].flatten(0, 1)
    masks = torch.zeros(len(images), 8, dtype=torch.bool)
    masks[0, :4] = True
    plain = task.model.backbone.tokens(images)
    hidden = task.model.backbone.tokens(images, masks, task.model.mask_token)
    assert not torch.allclose(plain[0], hidden[0])
    assert_close(plain[1:], hidden[1:])
    terms = task.terms(task.model, toy_views("dino"))
    assert {"patch_loss", "teacher_entropy", "center_norm", "feature_std", "feature_rank"} <= set(terms)


def test_masking_needs_patches() -> None:
    from resight.pretrain.backbone import BackboneSettings

    with pytest.raises(ValueError, match="hides patches of a plain ViT"):
        toy_task("dino", backbone=BackboneSettings("test_resnet", (32, 32)), masking=1.0)
