"""What processes exchange beside what DDP does: features for metric losses, gradients of joined batches."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def gather_batch(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Features and labels of all processes, in the order of their ranks; in a process alone its own.

    Gradients flow through the process's own rows, times the number of processes W. Every process then computes the same
    loss over all rows, and DDP's mean of the gradients is that of one process with the joined batch: the sum over the
    processes of what each sends through its own rows, times W, divided by W.

    Args:
        features: (B, ...); B is the same in every process.
        labels: (B,) int.

    Returns:
        (W * B, ...) and (W * B,).
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return features, labels
    world, rank = dist.get_world_size(), dist.get_rank()
    all_features = [torch.empty_like(features) for _ in range(world)]
    all_labels = [torch.empty_like(labels) for _ in range(world)]
    dist.all_gather(all_features, features.detach().contiguous())
    dist.all_gather(all_labels, labels)
    all_features[rank] = features + (world - 1) * (features - features.detach())  # the value of features, W gradients
    return torch.cat(all_features), torch.cat(all_labels)


def average_gradients(model: nn.Module) -> None:
    """The mean of the processes' gradients, as DDP makes it, for a model that ran outside of DDP's `forward`.

    All processes have to call it, with gradients at the same parameters; a process alone is left as it is.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    for exchange in [dist.all_reduce(gradient, async_op=True) for gradient in gradients]:
        exchange.wait()
    for gradient in gradients:
        gradient /= dist.get_world_size()
