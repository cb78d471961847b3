"""The literal TransReID gives what ours gives, so that comparing their speed is fair."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from benchmarks.literal_transreid import LiteralShape, LiteralTransReID, literal_loss, literal_optimizer
from torch.testing import assert_close

from resight.losses import ReIDLoss
from resight.models import ReIDModel, create_model
from resight.models.weights import load_weights
from resight.train.optim import GroupRule, create_optimizer, parameter_groups

SIZE = (64, 48)  # 12 patches
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
CAMERAS = torch.tensor([0, 1, 2, 0, 1, 2])


def images() -> torch.Tensor:
    return torch.rand(6, 3, *SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def pair(tmp_path: Path) -> tuple[LiteralTransReID, ReIDModel]:
    """Both with the same weights, which ours reads from a file with the released names."""
    torch.manual_seed(0)
    shape = LiteralShape(dim=48, depth=3, heads=3, image_size=SIZE)
    literal = LiteralTransReID(shape, classes=5, cameras=3, drop_path=0.0)
    for name, parameter in literal.named_parameters():
        if name.startswith(("b2.", "bottleneck")) and parameter.requires_grad:
            torch.nn.init.normal_(parameter, 0.1, 0.2)  # so that the branches differ
    torch.save(literal.state_dict(), tmp_path / "literal.pth")
    ours = create_model(
        "vit_nano", num_classes=5, image_size=SIZE, num_cameras=3, jigsaw=True, drop_path=0.0,
        shape={"width": 48, "depth": 3, "heads": 3},
    )  # fmt: skip
    load_weights(ours, tmp_path / "literal.pth")
    return literal, ours


def test_features(pair: tuple[LiteralTransReID, ReIDModel]) -> None:
    literal, ours = (model.eval() for model in pair)
    with torch.no_grad():
        theirs = F.normalize(literal(images(), CAMERAS), dim=1)
        assert_close(ours(images(), CAMERAS).embedding, theirs, atol=1e-5, rtol=1e-4)


def test_three_training_steps(pair: tuple[LiteralTransReID, ReIDModel]) -> None:
    literal, ours = (model.train() for model in pair)
    their_optimizer = literal_optimizer(literal, 0.05)
    our_optimizer = create_optimizer(parameter_groups(ours.named_parameters(), GroupRule(0.05)), "sgd")
    loss = ReIDLoss()
    for _ in range(3):
        theirs = literal_loss(*literal(images(), CAMERAS), LABELS)
        output = ours(images(), CAMERAS, labels=LABELS)
        mine = loss(output.features, output.logits, LABELS).total
        assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
        for value, optimizer in ((theirs, their_optimizer), (mine, our_optimizer)):
            value.backward()
            optimizer.step()
            optimizer.zero_grad()
