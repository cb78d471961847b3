"""What the processes of a run exchange in pre-training; a process alone gets back what it gives."""

import torch
import torch.distributed as dist
from torch import Tensor


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if world() > 1 else 0


@torch.no_grad()
def gathered(rows: Tensor) -> Tensor:
    """(W * B, ...): the rows (B, ...) of all processes in the order of their ranks, without gradient."""
    if world() == 1:
        return rows.detach()
    parts = [torch.empty_like(rows) for _ in range(world())]
    dist.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)


@torch.no_grad()
def averaged(value: Tensor) -> Tensor:
    """The mean over the processes."""
    if world() == 1:
        return value.detach()
    value = value.detach().clone()
    dist.all_reduce(value)
    return value / world()
