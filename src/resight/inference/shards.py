"""Embedding with several processes (`torchrun`): each takes its share of the batches, all get all embeddings."""

import os

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from resight.data.manifest import Manifest
from resight.inference.embedder import Embedder, Progress


def join_processes() -> None:
    """Connects the processes that `torchrun` started, and gives each its device; does nothing in a process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from accelerate import PartialState  # takes long to import, and most processes are alone

        PartialState(cpu=not torch.accelerator.is_available())


def embed_in_shards(
    embedder: Embedder,
    manifest: Manifest,
    *,
    batch_size: int = 64,
    flip: bool | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> np.ndarray:
    """`embedder.embed_rows(manifest)`, the work parted among the connected processes.

    The batches are those of one process, dealt out in turn, so the numbers are the same to the last bit. Every process
    has to call it, with the same model and manifest.

    Args:
        embedder: the model.
        manifest: N rows.
        batch_size: images at a time, in each process.
        flip: average with the mirrored image; None: as the model's card says.
        workers: processes that decode images, for each process.
        progress: called with (images done, images in all); of several processes it is an estimate.

    Returns:
        (N, D) float32, in every process.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    total = len(manifest)

    def on_progress(done: int, mine: int) -> None:
        if progress is not None:
            progress(total if done == mine else min(done * world, total), total)

    def rows_of(process: int) -> np.ndarray:
        return np.flatnonzero(np.arange(total) // batch_size % world == process)

    part = manifest if world == 1 else manifest.select(rows_of(rank))
    mine = embedder.embed_rows(part, batch_size=batch_size, flip=flip, workers=workers, progress=on_progress)
    if world == 1:
        return mine
    embeddings = np.empty((total, embedder.embedding_dim), dtype=np.float32)
    parts = _gather(torch.from_numpy(mine), largest=len(rows_of(0)), device=embedder.device)
    for process, vectors in enumerate(parts):
        rows = rows_of(process)
        embeddings[rows] = vectors[: len(rows)]
    return embeddings


def _gather(mine: Tensor, *, largest: int, device: torch.device) -> list[np.ndarray]:
    """(largest, D) of every process; the rows behind its own are 0. The first process has the largest share."""
    exchange = device if dist.get_backend() == "nccl" else torch.device("cpu")
    padded = torch.zeros(largest, mine.shape[1], device=exchange)
    padded[: len(mine)] = mine.to(exchange)
    parts = [torch.empty_like(padded) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, padded)
    return [part.cpu().numpy() for part in parts]
