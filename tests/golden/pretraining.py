"""Drives a pre-training task over recorded batches, and compares states whose names differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from resight.pretrain.method import PretrainTask
from resight.pretrain.view_batch import ViewBatch
from resight.train.task import StepTime


def batch_of(*views: Tensor) -> ViewBatch:
    """A batch of views (V, B, ...), one tensor for each size."""
    return ViewBatch(tuple(views), torch.arange(views[0].shape[1]))


def drive(
    task: PretrainTask,
    optimizer: torch.optim.Optimizer,
    batches: Sequence[ViewBatch],
    times: Sequence[StepTime],
    after_backward: Callable[[int], None] = lambda step: None,
) -> Iterator[float]:
    """The trainer's step, for each batch; yields the loss after each."""
    for step, (batch, time) in enumerate(zip(batches, times, strict=True)):
        task.before_step(time, optimizer)
        optimizer.zero_grad()
        loss = task.terms(task.model, batch)["loss"]
        loss.backward()
        task.before_update()
        after_backward(step)
        optimizer.step()
        task.after_step(step + 1)
        yield loss.item()


def load(module: nn.Module, weights: Mapping[str, Tensor], rename: Callable[[str], str | None]) -> None:
    """Weights of the case by our names; None leaves one out. Every tensor of ours has to get its value."""
    module.load_state_dict({ours: value for key, value in weights.items() if (ours := rename(key)) is not None})


def compare(
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    rename: Callable[[str], str | None],
    tolerance: Mapping[str, float],
    *,
    drops_key_bias: bool = False,
) -> None:
    """Recorded tensors against ours; `drops_key_bias` leaves out the rows whose true gradient is 0."""
    names = {key: ours for key in expected if (ours := rename(key)) is not None}
    assert names
    for key, ours in names.items():
        one, other = actual[ours], expected[key]
        if drops_key_bias and key.endswith("attn.qkv.bias"):
            one, other = (torch.cat([value.chunk(3)[0], value.chunk(3)[2]]) for value in (one, other))
        assert_close(one.to(other.dtype), other, **tolerance, msg=lambda text, key=key: f"{key}: {text}")


def gradients(module: nn.Module) -> dict[str, Tensor]:
    """Of the parameters that have one, by name."""
    return {name: value.grad.clone() for name, value in module.named_parameters() if value.grad is not None}
