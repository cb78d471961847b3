"""How every loader of batches is set up."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from resight.data.worker_signals import leave_signals_to_the_main_process


def as_it_is(batch: Any) -> Any:
    """For a dataset that makes whole batches itself."""
    return batch


def make_loader(
    dataset: Dataset[Any], *, workers: int, collate: Callable[[Any], Any] = as_it_is, **batches: Any
) -> DataLoader[Any]:
    """Batches in the order given; signals and the caller's random stream are left alone.

    Args:
        dataset: of images.
        workers: processes that read.
        collate: makes a batch of what the dataset gives.
        batches: `batch_sampler`, or `batch_size`.
    """
    return DataLoader(
        dataset,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else the loader draws from the caller's stream
        worker_init_fn=leave_signals_to_the_main_process,
        **batches,
    )
