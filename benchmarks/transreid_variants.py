"""The nets that the speed of ours is compared with, and a training step and an inference of each."""

from collections.abc import Callable
from typing import NamedTuple

import timm
import torch
import torch.nn.functional as F
from literal_transreid import LiteralShape, LiteralTransReID, literal_loss, literal_optimizer

from resight.data.dataset import Batch
from resight.losses import ReIDLoss
from resight.models import create_model
from resight.train.optim import GroupRule, create_optimizer, parameter_groups
from resight.train.task import SupervisedTask

SIZE = (256, 128)
CLASSES, CAMERAS = 751, 6  # of Market-1501
LITERAL, OURS, PLAIN = "literal TransReID", "resight", "timm's plain ViT"
VARIANTS = (LITERAL, OURS, PLAIN)


class Net(NamedTuple):
    """The names of a net here and in timm, and its shape."""

    ours: str
    timm: str
    shape: LiteralShape


NETS = {
    "ViT-B/16": Net("vit_base", "vit_base_patch16_224", LiteralShape()),
    "DeiT-S/16": Net("deit_small", "deit_small_patch16_224", LiteralShape(dim=384, heads=6)),
}


def batch_of(count: int) -> Batch:
    """Identities of four images each."""
    chance = torch.Generator().manual_seed(0)
    images = torch.rand(count, 3, *SIZE, generator=chance) * 2 - 1
    rows = torch.arange(count)
    return Batch(images, rows // 4, rows % CAMERAS, torch.full((count,), -1), rows)


def training_step(variant: str, net: Net, batch: Batch) -> Callable[[], float]:
    """One step: forward pass, loss, backward pass, SGD; returns the loss."""
    torch.manual_seed(0)
    if variant == LITERAL:
        literal = LiteralTransReID(net.shape, classes=CLASSES, cameras=CAMERAS).train()
        optimizer = literal_optimizer(literal)
        return lambda: _step(lambda: literal_loss(*literal(batch.images, batch.cameras), batch.labels), optimizer)
    if variant == PLAIN:
        plain = timm.create_model(net.timm, img_size=SIZE, num_classes=CLASSES, drop_path_rate=0.1).train()
        optimizer = create_optimizer(parameter_groups(plain.named_parameters(), GroupRule(0.008)), "sgd")
        return lambda: _step(lambda: F.cross_entropy(plain(batch.images), batch.labels), optimizer)
    model = create_model(net.ours, num_classes=CLASSES, num_cameras=CAMERAS, jigsaw=True).train()
    task = SupervisedTask(model, ReIDLoss())
    optimizer = create_optimizer(parameter_groups(model.named_parameters(), GroupRule(0.008)), "sgd")
    return lambda: _step(lambda: task.terms(model, batch)["loss"], optimizer)


def _step(loss_of_batch: Callable[[], torch.Tensor], optimizer: torch.optim.Optimizer) -> float:
    loss = loss_of_batch()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def inference(variant: str, net: Net, batch: Batch) -> Callable[[], torch.Tensor]:
    """One call on the batch, without gradients; returns the features."""
    torch.manual_seed(0)
    images, cameras = batch.images, batch.cameras
    if variant == LITERAL:
        literal = LiteralTransReID(net.shape, classes=CLASSES, cameras=CAMERAS).eval()
        call = lambda: F.normalize(literal(images, cameras), dim=1)  # noqa: E731
    elif variant == PLAIN:
        plain = timm.create_model(net.timm, img_size=SIZE, num_classes=CLASSES).eval()
        call = lambda: plain(images)  # noqa: E731
    else:
        model = create_model(net.ours, num_classes=CLASSES, num_cameras=CAMERAS, jigsaw=True).eval()
        call = lambda: model(images, cameras).embedding  # noqa: E731
    return torch.inference_mode()(call)
