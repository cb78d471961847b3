"""One loss over several batches at the memory of one: gradients through cached features.

1. The features of every batch, without graph.
2. The loss of all of them together, and its gradient with respect to each feature.
3. Every batch once more, now with graph, and that gradient is sent through it.

So mining reaches across the batches, and only one batch's activations are in memory at a time. It costs one more
forward pass. The second pass draws what the first one drew (stochastic depth, dropout), and batch norms move their
running statistics in the second pass alone.

What is equal to one large batch: all of it, up to rounding, where the encoder looks at each image by itself, as a ViT
does. Necks and classifiers are part of step 2, so the BNNeck takes its statistics over all batches. What is not equal:
batch norms inside the encoder (ResNet) take theirs per batch, and random numbers are drawn per batch.

Source: Gao et al. 2021, arXiv:2101.06983 (gradient cache).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from resight.train.gather import average_gradients


@runtime_checkable
class Joinable(Protocol):
    """A task (`resight.train.task.Task`) whose loss can be taken over several batches together.

    model: all that is trained. encoder: the large part of it, which runs batch by batch.
    """

    model: nn.Module

    @property
    def encoder(self) -> nn.Module: ...

    def encode(self, encoder: nn.Module, batch: Any) -> Tensor:
        """(B, ...): the features of a batch; encoder: `self.encoder`, perhaps compiled."""
        ...

    def joined_terms(self, features: Tensor, batches: Sequence[Any]) -> Mapping[str, Tensor]:
        """`Task.terms` of all batches as one; features: of all, in their order."""
        ...


def joined_backward(
    task: Joinable,
    encoder: nn.Module,
    batches: Sequence[Any],
    *,
    seeds: Sequence[int],
    autocast: Callable[[], AbstractContextManager[Any]],
    scale: Callable[[Tensor], Tensor],
) -> Mapping[str, Tensor]:
    """Adds the gradient of the joint loss to the model's, averaged over the processes; returns the terms.

    Args:
        task: what is trained.
        encoder: `task.encoder`, perhaps compiled.
        batches: on the model's device.
        seeds: of the random numbers of each batch.
        autocast: makes the context of a forward pass. Each pass gets one of its own: weights that it cast without
            graph must not be met by one with graph.
        scale: the loss times the factor of a gradient scaler.
    """
    rows = []
    with torch.no_grad(), _kept_buffers(encoder):
        for batch, seed in zip(batches, seeds, strict=True):
            torch.manual_seed(seed)
            with autocast():
                rows.append(task.encode(encoder, batch))
    features = torch.cat(rows).requires_grad_()  # (sum of B, ...)
    with autocast():
        terms = task.joined_terms(features, batches)
    scale(terms["loss"]).backward()  # type: ignore[no-untyped-call]
    gradient: Any = features.grad
    for batch, seed, part in zip(batches, seeds, gradient.split([len(row) for row in rows]), strict=True):
        torch.manual_seed(seed)
        with autocast():
            again = task.encode(encoder, batch)
        again.backward(part)  # type: ignore[no-untyped-call]
    average_gradients(task.model)
    return terms


@contextmanager
def _kept_buffers(module: nn.Module) -> Iterator[None]:
    """Buffers, such as running statistics, are afterwards what they were before."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    yield
    for buffer, value in before:
        buffer.copy_(value)
