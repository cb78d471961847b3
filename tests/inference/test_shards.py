from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from resight.data.manifest import Manifest
from resight.inference import Embedder, embed_in_shards, join_processes, shards


def test_a_process_alone_embeds_all(embedder: Embedder, tiny_manifest: Manifest) -> None:
    seen: list[tuple[int, int]] = []
    join_processes()
    assert not dist.is_initialized()
    embeddings = embed_in_shards(
        embedder, tiny_manifest, batch_size=5, flip=True, progress=lambda *done: seen.append(done)
    )
    assert np.array_equal(embeddings, embedder.embed(tiny_manifest, batch_size=5, flip=True))
    assert seen[-1] == (32, 32)


@pytest.mark.parametrize(("world", "batch_size", "rows"), [(2, 5, 32), (3, 4, 32), (3, 16, 20), (4, 8, 5)])
def test_shares_put_together_are_the_whole(
    embedder: Embedder, tiny_manifest: Manifest, monkeypatch: pytest.MonkeyPatch, world: int, batch_size: int, rows: int
) -> None:
    """Each process in turn, in this one: what they would exchange is kept and handed to all."""
    manifest = tiny_manifest.select(np.arange(rows))
    shares: list[torch.Tensor] = []
    seen: list[tuple[int, int]] = []

    def keep(mine: torch.Tensor, *, largest: int, device: torch.device) -> Any:
        shares.append(torch.zeros(largest, mine.shape[1]))
        shares[-1][: len(mine)] = mine
        return [share.numpy() for share in (*shares, *[shares[0]] * (world - len(shares)))]

    monkeypatch.setattr(shards, "_gather", keep)
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: world)
    for rank in range(world):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        embeddings = embed_in_shards(
            embedder, manifest, batch_size=batch_size, progress=lambda *done: seen.append(done)
        )
    assert np.array_equal(embeddings, embedder.embed(manifest, batch_size=batch_size)), "to the last bit"
    assert all(done <= total == rows for done, total in seen)
