import pytest
import torch
from torch.testing import assert_close

from resight.losses import ReIDLoss, batch_hard_triplet, identity_loss, supervised_contrastive_loss

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


def outputs(branches: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, branches, 4, generator=generator)
    return features.to(dtype), torch.randn(6, branches, 3, generator=generator).to(dtype)


def test_one_branch_is_the_plain_sum():
    features, logits = outputs(1)
    terms = ReIDLoss(identity_weight=2.0, triplet_weight=0.5, label_smoothing=0.1, margin=0.3)(features, logits, LABELS)
    identity = identity_loss(logits[:, 0], LABELS, label_smoothing=0.1)
    triplet = batch_hard_triplet(features[:, 0], LABELS, margin=0.3)
    assert_close(terms.parts, {"identity": identity, "triplet": triplet})
    assert_close(terms.total, 2 * identity + 0.5 * triplet)


@pytest.mark.parametrize("branches", [2, 5])
def test_code_is_half_of_paper(branches):
    features, logits = outputs(branches)
    identity = torch.stack([identity_loss(logits[:, i], LABELS) for i in range(branches)])
    triplet = torch.stack([batch_hard_triplet(features[:, i], LABELS) for i in range(branches)])
    code = ReIDLoss()(features, logits, LABELS)
    paper = ReIDLoss(branch_weighting="paper")(features, logits, LABELS)
    assert_close(code.parts["identity"], 0.5 * identity[0] + 0.5 * identity[1:].mean())
    assert_close(code.parts["triplet"], 0.5 * triplet[0] + 0.5 * triplet[1:].mean())
    assert_close(code.total, code.parts["identity"] + code.parts["triplet"])
    assert_close(paper.total, 2 * code.total)


def test_all_three_losses():
    features, logits = outputs(3)
    terms = ReIDLoss(contrastive_weight=0.25, temperature=0.5)(features, logits, LABELS)
    values = [supervised_contrastive_loss(features[:, i], LABELS, temperature=0.5) for i in range(3)]
    assert_close(terms.parts["contrastive"], values[0] / 2 + (values[1] + values[2]) / 4)
    assert_close(terms.total, terms.parts["identity"] + terms.parts["triplet"] + 0.25 * terms.parts["contrastive"])


def test_the_triplet_compares_directions_on_demand():
    features, logits = outputs(2)
    terms = ReIDLoss(normalize_triplet=True)(features, logits, LABELS)
    longer = ReIDLoss(normalize_triplet=True)(7 * features, logits, LABELS)
    assert_close(terms.parts["triplet"], longer.parts["triplet"])
    assert abs(ReIDLoss()(7 * features, logits, LABELS).total - terms.total) > 0.1


def test_a_loss_without_weight_is_not_computed():
    features, logits = outputs(1)
    lonely = torch.arange(6) % 3 * 0  # one identity: the triplet would refuse
    terms = ReIDLoss(triplet_weight=0)(features, logits, lonely)
    assert set(terms.parts) == {"identity"}


def test_gradients_reach_every_branch():
    features, logits = (value.requires_grad_() for value in outputs(3))
    ReIDLoss()(features, logits, LABELS).total.backward()
    assert features.grad.abs().sum((0, 2)).min() > 0
    assert logits.grad.abs().sum((0, 2)).min() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_float32(dtype):
    features, logits = outputs(3, dtype)
    loss = ReIDLoss(contrastive_weight=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(features, logits, LABELS)
    assert terms.total.dtype == torch.float32
    assert_close(terms.total, loss(features.float(), logits.float(), LABELS).total)


def test_weighting_is_code_or_paper():
    with pytest.raises(ValueError, match="'code' or 'paper', not 'mean'"):
        ReIDLoss(branch_weighting="mean")


def test_some_loss_is_needed():
    with pytest.raises(ValueError, match="all weights of the loss are 0"):
        ReIDLoss(identity_weight=0, triplet_weight=0)
