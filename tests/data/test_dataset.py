import pickle
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from resight.data.crop_cache import open_crop_cache
from resight.data.dataset import (
    Batch,
    CropDataset,
    Draw,
    SeededBatches,
    Unreadable,
    Vocabulary,
    collate,
    eval_loader,
    train_loader,
)
from resight.data.decode import open_image, open_pixels
from resight.data.manifest import Manifest
from resight.data.samplers import PKSampler
from resight.data.transforms import EvalTransform, TrainTransform
from resight.errors import DataError, MissingExtraError

SIZE = (16, 8)
TRAIN = TrainTransform(SIZE, padding=2, brightness=0.3)


def training(manifest: Manifest, **settings: object) -> CropDataset:
    rows = manifest.split("train")
    return CropDataset(rows, TRAIN, Vocabulary.of(rows), **settings)


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a[:5], b[:5], strict=True)) and a.skipped == b.skipped


def test_vocabulary(tiny_manifest: Manifest) -> None:
    words = Vocabulary.of(tiny_manifest.split("train"))
    assert words == Vocabulary(("0001", "0002", "0003", "0004"), ("1", "2"), ())


def test_a_sample_for_evaluation(tiny_manifest: Manifest) -> None:
    transform = EvalTransform(SIZE)
    dataset = CropDataset(tiny_manifest, transform, Vocabulary.of(tiny_manifest.split("train")))
    assert len(dataset) == len(tiny_manifest) == 32
    image, *numbers = dataset[6]
    assert torch.equal(image, transform(open_image(tiny_manifest.image_path(6))))
    assert numbers == [1, 1, -1, 6]  # 0002 in camera 2; no views
    assert dataset[31][1:] == (-1, 1, -1, 31)  # an identity that training does not know


def test_unknown_cameras_are_minus_one(tiny_manifest: Manifest) -> None:
    dataset = CropDataset(tiny_manifest, EvalTransform(SIZE), Vocabulary(cameras=("2",)))
    assert [dataset[row][2] for row in range(4)] == [-1, -1, 0, 0]


def test_the_box_is_cut_out(tiny_manifest: Manifest) -> None:
    boxed = tiny_manifest
    for name, value in (("box_x", 4.0), ("box_y", 8.0), ("box_w", 16.0), ("box_h", 32.0)):
        boxed = boxed.with_column(name, [value] + [None] * 31)
    with mock.patch("resight.data.dataset.open_pixels", wraps=open_pixels) as opened:
        dataset = CropDataset(boxed, EvalTransform(SIZE), Vocabulary())
        _ = dataset[0], dataset[1]
    assert [call.args[1] for call in opened.call_args_list] == [(4, 8, 16, 32), None]


def test_a_draw_is_augmented_by_its_seed(tiny_manifest: Manifest) -> None:
    dataset = training(tiny_manifest)
    plain = TRAIN.prepare(open_image(dataset.manifest.image_path(3)))
    assert torch.equal(dataset[Draw(3, 11, 0)][0], TRAIN.augment(plain, 11))
    assert not torch.equal(dataset[Draw(3, 11, 0)][0], dataset[Draw(3, 12, 0)][0])


def test_an_identity_shares_its_flips_in_a_batch(tiny_manifest: Manifest) -> None:
    rows = tiny_manifest.split("train")
    transform = TrainTransform(SIZE, padding=0, erase=0, flip_together=True)
    dataset = CropDataset(rows, transform, Vocabulary.of(rows))
    with mock.patch.object(TrainTransform, "augment", autospec=True) as augment:
        for row, seed, batch_seed in [(0, 1, 5), (3, 2, 5), (4, 3, 5), (0, 4, 6)]:
            _ = dataset[Draw(row, seed, batch_seed)]
    first, same_identity, other_identity, other_batch = (call.args[3] for call in augment.call_args_list)
    assert first == same_identity
    assert len({first, other_identity, other_batch}) == 3


def cached(manifest: Manifest, folder: Path) -> CropDataset:
    cache = open_crop_cache(manifest.split("train"), TRAIN, "pillow", limit=2**20, folder=folder)
    assert cache is not None
    return training(manifest, cache=cache)


def test_cached_images_are_read_once_and_stay_the_same(tiny_manifest: Manifest, tmp_path: Path) -> None:
    kept, fresh = cached(tiny_manifest, tmp_path / "cache"), training(tiny_manifest)
    with mock.patch("resight.data.dataset.open_pixels", wraps=open_pixels) as opened:
        results = [kept[Draw(row, seed, 0)][0] for seed in range(3) for row in (0, 5)]
    assert opened.call_count == 2
    expected = [fresh[Draw(row, seed, 0)][0] for seed in range(3) for row in (0, 5)]
    assert all(torch.equal(a, b) for a, b in zip(results, expected, strict=True))


def test_a_cached_crop_needs_no_image_any_more(tiny_manifest: Manifest, tmp_path: Path) -> None:
    dataset = cached(tiny_manifest, tmp_path / "cache")
    first = dataset[Draw(2, 0, 0)][0]
    tiny_manifest.image_path(2).unlink()
    assert torch.equal(dataset[Draw(2, 0, 0)][0], first)
    assert isinstance(training(tiny_manifest)[Draw(2, 0, 0)], Unreadable)


def test_the_decoder_is_handed_on_and_its_package_asked_for_at_once(tiny_manifest: Manifest) -> None:
    pytest.importorskip("simplejpeg")
    with mock.patch("resight.data.dataset.open_pixels", wraps=open_pixels) as opened:
        _ = training(tiny_manifest, decoder="turbo")[Draw(0, 0, 0)]
    assert opened.call_args.args[2] == "turbo"
    with (
        mock.patch.dict("sys.modules", {"simplejpeg": None}),
        pytest.raises(MissingExtraError, match=r"resight\[fast\]"),
    ):
        training(tiny_manifest, decoder="turbo")


def test_a_missing_image_is_named(tiny_manifest: Manifest) -> None:
    tiny_manifest.image_path(2).unlink()
    sample = training(tiny_manifest)[Draw(2, 0, 0)]
    assert isinstance(sample, Unreadable)
    assert sample.label == 0
    assert "0001_c2_0.png" in sample.message
    with pytest.raises(DataError, match=r"0001_c2_0\.png"):
        CropDataset(tiny_manifest, EvalTransform(SIZE), Vocabulary())[2]


def test_a_dataset_goes_to_other_processes(tiny_manifest: Manifest) -> None:
    dataset = training(tiny_manifest)
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[Draw(1, 5, 0)][0], dataset[Draw(1, 5, 0)][0])


# Batches and their seeds

BATCHES = [[3, 1], [2, 2, 0], [5], [4, 3]]


def test_rows_stay_in_order_and_every_place_has_its_seed() -> None:
    drawn = list(SeededBatches(BATCHES, seed=1, epoch=0))
    assert [[draw.row for draw in batch] for batch in drawn] == BATCHES
    assert all(len({draw.batch_seed for draw in batch}) == 1 for batch in drawn)
    seeds = [draw.seed for batch in drawn for draw in batch] + [batch[0].batch_seed for batch in drawn]
    assert len(set(seeds)) == len(seeds)
    assert all(isinstance(seed, int) and 0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("start", range(6))
def test_a_later_start_gives_the_tail(start: int) -> None:
    whole, tail = (SeededBatches(BATCHES, seed=1, epoch=2, start=number) for number in (0, start))
    assert list(tail) == list(whole)[start:]
    assert len(tail) == len(list(tail)) == max(4 - start, 0)


def test_seeds_depend_on_run_epoch_and_rank_alone() -> None:
    plans = [{}, {"seed": 2}, {"epoch": 1}, {"rank": 1}]
    seeds = [{d.seed for b in SeededBatches(BATCHES, **{"seed": 1, "epoch": 0, **p}) for d in b} for p in plans]
    assert len(set().union(*seeds)) == sum(map(len, seeds))
    other_rows = SeededBatches([[9, 8], [7, 6, 5], [4], [3, 2]], seed=1, epoch=0)
    assert {draw.seed for batch in other_rows for draw in batch} == seeds[0]


def test_collate() -> None:
    batch = collate([(torch.zeros(3, 2, 2), 1, 2, -1, 7), (torch.ones(3, 2, 2), 0, -1, -1, 8)])
    assert batch.images.shape == (2, 3, 2, 2)
    assert [field.tolist() for field in batch[1:5]] == [[1, 0], [2, -1], [-1, -1], [7, 8]]
    assert {field.dtype for field in batch[1:5]} == {torch.int64}
    assert batch.skipped == ()


def test_images_that_lie_together_are_not_copied() -> None:
    images = torch.rand(3, 3, 2, 2)
    expected = images[[0, 1, 1]].clone()
    batch = collate([(images[0], 0, 0, 0, 5), (images[1], 1, 0, 0, 6), Unreadable(1, "c.jpg")], images)
    assert batch.images.data_ptr() == images.data_ptr()
    assert torch.equal(batch.images, expected)
    assert batch.rows.tolist() == [5, 6, 6]


def test_an_unreadable_sample_is_replaced_by_one_of_its_identity_or_else_the_next() -> None:
    def sample(row: int, label: int) -> tuple[torch.Tensor, int, int, int, int]:
        return torch.full((3, 2, 2), float(row)), label, 0, 0, row

    batch = collate(
        [sample(0, 1), Unreadable(1, "a.jpg"), Unreadable(2, "b.jpg"), sample(3, 3), Unreadable(3, "c.jpg")]
    )
    assert batch.rows.tolist() == [0, 0, 3, 3, 3]
    assert batch.labels.tolist() == [1, 1, 3, 3, 3]
    assert batch.images[:, 0, 0, 0].tolist() == [0, 0, 3, 3, 3]
    assert batch.skipped == ("a.jpg", "b.jpg", "c.jpg")
    with pytest.raises(DataError, match=r"not one of the 2 images of a batch can be read; the first: a\.jpg"):
        collate([Unreadable(1, "a.jpg"), Unreadable(2, "b.jpg")])


def test_a_batch_goes_to_a_device() -> None:
    batch = collate([(torch.zeros(3, 2, 2), 1, 2, -1, 7), Unreadable(1, "a.jpg")]).to("meta")
    assert isinstance(batch, Batch)
    assert {field.device.type for field in batch[:5]} == {"meta"}
    assert batch.skipped == ("a.jpg",)


# Loaders


def _epoch(dataset: CropDataset, *, start: int = 0, workers: int = 0) -> list[Batch]:
    rows = PKSampler(dataset.labels, ids_per_batch=2, images_per_id=2, seed=3).epoch(1)
    return list(train_loader(dataset, SeededBatches(rows, seed=3, epoch=1, start=start), workers=workers))


def test_training_batches(tiny_manifest: Manifest) -> None:
    dataset = training(tiny_manifest)
    batches = _epoch(dataset)
    assert len(batches) == 4
    for batch in batches:
        assert batch.images.shape == (4, 3, *SIZE)
        assert np.array_equal(batch.labels, dataset.labels[batch.rows])
    tail = _epoch(dataset, start=2)
    assert all(same(a, b) for a, b in zip(tail, batches[2:], strict=True))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("keep", [False, True])
def test_workers_change_nothing(tiny_manifest: Manifest, tmp_path: Path, keep: bool) -> None:
    dataset = cached(tiny_manifest, tmp_path / "cache") if keep else training(tiny_manifest)
    alone, helped = _epoch(dataset), _epoch(dataset, workers=2)
    assert all(same(a, b) for a, b in zip(alone, helped, strict=True))
    tail = _epoch(dataset, start=2, workers=2)
    assert all(same(a, b) for a, b in zip(tail, alone[2:], strict=True))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_error_in_a_worker_names_the_image(tiny_manifest: Manifest) -> None:
    dataset = CropDataset(tiny_manifest, EvalTransform(SIZE), Vocabulary())
    Path(tiny_manifest.image_path(9)).write_bytes(b"broken")
    with pytest.raises(DataError, match=r"0003_c1_1\.png"):
        list(eval_loader(dataset, workers=1))


def test_evaluation_batches(tiny_manifest: Manifest) -> None:
    dataset = CropDataset(tiny_manifest, EvalTransform(SIZE), Vocabulary.of(tiny_manifest))
    batches = list(eval_loader(dataset, batch_size=12))
    assert [len(batch.rows) for batch in batches] == [12, 12, 8]
    assert torch.cat([batch.rows for batch in batches]).tolist() == list(range(32))
    assert torch.equal(batches[2].images[-1], dataset[31][0])
