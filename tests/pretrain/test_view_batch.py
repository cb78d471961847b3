import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resight.data.dataset import Draw
from resight.data.manifest import Manifest
from resight.data.pool import open_pool
from resight.errors import DataError, MissingExtraError
from resight.pretrain.view_batch import PoolBatches, ViewDataset, shuffled_batches
from resight.pretrain.views import byol_views, dino_views

VIEWS = dino_views((32, 16), (16, 8), local_crops=3)


def test_an_epoch_of_a_manifest(tiny_manifest: Manifest) -> None:
    batches = PoolBatches(ViewDataset.of(tiny_manifest, VIEWS), 5, seed=3)
    assert batches.steps == 6
    seen = []
    for batch in batches(0, 0):
        assert [tuple(crops.shape) for crops in batch.views] == [(2, 5, 3, 32, 16), (3, 5, 3, 16, 8)]
        assert batch.skipped == ()
        seen += batch.rows.tolist()
    assert len(set(seen)) == 30


def test_an_epoch_entered_in_the_middle_gives_the_same(tiny_manifest: Manifest) -> None:
    batches = PoolBatches(ViewDataset.of(tiny_manifest, VIEWS), 8, seed=3)
    whole = list(batches(2, 0))
    for found, expected in zip(batches(2, 2), whole[2:], strict=True):
        assert torch.equal(found.rows, expected.rows)
        assert all(torch.equal(one, two) for one, two in zip(found.views, expected.views, strict=True))
    assert not torch.equal(next(iter(batches(1, 0))).rows, whole[0].rows)


def test_workers_change_nothing(tiny_manifest: Manifest) -> None:
    dataset = ViewDataset.of(tiny_manifest, byol_views((32, 16)))
    alone, helped = (list(PoolBatches(dataset, 16, seed=3, workers=workers)(0, 0)) for workers in (0, 1))
    assert all(torch.equal(one.views[0], two.views[0]) for one, two in zip(alone, helped, strict=True))


def test_processes_share_an_epoch() -> None:
    parts = [shuffled_batches(50, 4, seed=0, epoch=1, rank=rank, world=3).batches for rank in range(3)]
    rows = [row for part in parts for batch in part for row in batch]
    assert len(rows) == len(set(rows)) == 48
    assert {len(part) for part in parts} == {4}


def test_a_damaged_image_is_named_and_replaced(tiny_manifest: Manifest) -> None:
    broken = Path(tiny_manifest.image_path(3))
    broken.write_bytes(b"no image")
    dataset = ViewDataset.of(tiny_manifest, VIEWS)
    batches = list(PoolBatches(dataset, 8, seed=0)(0, 0))
    messages = [message for batch in batches for message in batch.skipped]
    assert len(messages) == 1
    assert broken.name in messages[0]
    assert all(batch.views[0].shape[1] == 8 for batch in batches)
    assert 3 not in np.concatenate([batch.rows for batch in batches])


def test_a_batch_that_is_lost_as_a_whole_is_made_of_others(tiny_manifest: Manifest) -> None:
    """As where runs of rows are read side by side, and the shard that holds them is damaged."""
    dataset = ViewDataset.of(tiny_manifest, VIEWS)
    first = next(iter(PoolBatches(dataset, 8, seed=0)(0, 0))).rows.tolist()
    for row in first:
        Path(tiny_manifest.image_path(row)).unlink()
    batch, again = (next(iter(PoolBatches(dataset, 8, seed=0)(0, 0))) for _ in range(2))
    assert len(batch.skipped) == 8
    assert not set(batch.rows.tolist()) & set(first)
    assert len(set(batch.rows.tolist())) > 4
    assert torch.equal(batch.views[0], again.views[0])


def test_a_pool_that_is_gone_ends_the_run(tiny_manifest: Manifest) -> None:
    for row in range(len(tiny_manifest)):
        Path(tiny_manifest.image_path(row)).unlink()
    with pytest.raises(DataError, match="nor can any of 100 other images"):
        next(iter(PoolBatches(ViewDataset.of(tiny_manifest, VIEWS), 8, seed=0)(0, 0)))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_pool_smaller_than_a_batch(tiny_manifest: Manifest, count: int) -> None:
    pool = tiny_manifest.select(range(count))
    with pytest.raises(DataError, match=rf"the pool holds {count} images, fewer than one batch of 8"):
        _ = PoolBatches(ViewDataset.of(pool, VIEWS), 8, seed=0).steps


def test_methods_with_two_views_say_what_they_need(tiny_manifest: Manifest) -> None:
    batch = next(iter(PoolBatches(ViewDataset.of(tiny_manifest, VIEWS), 8, seed=0)(0, 0)))
    with pytest.raises(ValueError, match="two views of one size, not 2 of 32x16, 3 of 16x8"):
        batch.pair()


def test_the_quick_decoder_gives_the_same_views(
    tiny_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("simplejpeg")
    for row in range(4):
        with Image.open(tiny_manifest.image_path(row)) as image:
            image.resize((40, 90)).save(tmp_path / f"{row}.jpg", quality=90)
    pool = open_pool(tmp_path)
    plain, quick = ViewDataset(pool, VIEWS), ViewDataset(pool, VIEWS, decoder="turbo")
    for row in range(4):
        one, two = (dataset[Draw(row, 7, 0)].views for dataset in (plain, quick))
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    with pytest.raises(MissingExtraError, match="fast"):
        ViewDataset(pool, VIEWS, decoder="turbo")
