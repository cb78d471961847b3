from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.samplers import PKSampler
from resight.errors import DataError


@st.composite
def settings_of_a_sampler(draw: st.DrawFn) -> dict:
    """Enough identities for a batch, named with gaps, with 1 to 9 images, in any order."""
    p, k, world = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    counts = draw(st.lists(st.integers(1, 9), min_size=p, max_size=p * world + 6))
    labels = [7 * identity for identity, count in enumerate(counts) for _ in range(count)]
    return {
        "labels": draw(st.permutations(labels)),
        "ids_per_batch": p,
        "images_per_id": k,
        "world_size": world,
        "seed": draw(st.integers(0, 2**32)),
    }


@settings(max_examples=60, deadline=None)
@given(settings_of_a_sampler(), st.integers(0, 50))
def test_invariants(given_settings, epoch):
    labels, p, k = (given_settings[name] for name in ("labels", "ids_per_batch", "images_per_id"))
    world = given_settings["world_size"]
    size = Counter(labels)
    samplers = [PKSampler(rank=rank, **given_settings) for rank in range(world)]
    epochs = [sampler.epoch(epoch) for sampler in samplers]

    assert len({len(batches) for batches in epochs}) == 1, "all ranks take the same number of steps"
    assert all(len(batches) <= len(sampler) for batches, sampler in zip(epochs, samplers, strict=True))
    for batch in (batch for batches in epochs for batch in batches):
        groups = np.array(batch).reshape(p, k)
        assert len({labels[group[0]] for group in groups}) == p, "no identity twice in a batch"
        for group in groups:
            assert len({labels[row] for row in group}) == 1, "an identity's images lie side by side"
            if size[labels[group[0]]] >= k:
                assert len(set(group.tolist())) == k
    drawn = Counter(row for batches in epochs for batch in batches for row in batch)
    for row, times in drawn.items():
        assert times == 1 or size[labels[row]] < k, "only an identity that is too small repeats an image"
    # One process takes the same batches, those of the ranks in turn, and at the end fewer than world_size more.
    whole = PKSampler(**{**given_settings, "world_size": 1}).epoch(epoch)
    assert [batch for step in zip(*epochs, strict=True) for batch in step] == whole[: len(epochs[0]) * world]
    assert len(whole) - len(epochs[0]) * world < world
    # Its epoch ends because fewer than P identities have a group left.
    images = Counter(labels[row] for batch in whole for row in batch)
    left = [identity for identity, count in size.items() if images[identity] < max(count, k) // k * k]
    assert len(left) < p


@settings(max_examples=20, deadline=None)
@given(settings_of_a_sampler(), st.integers(0, 50))
def test_the_same_for_the_same_seed_and_epoch(given_settings, epoch):
    assert PKSampler(**given_settings).epoch(epoch) == PKSampler(**given_settings).epoch(epoch)


def many() -> np.ndarray:
    return np.repeat(np.arange(20), 8)


def test_epochs_and_seeds_differ():
    first = PKSampler(many(), ids_per_batch=4, images_per_id=2, seed=1)
    other = PKSampler(many(), ids_per_batch=4, images_per_id=2, seed=2)
    draws = [sampler.epoch(epoch) for sampler in (first, other) for epoch in range(3)]
    assert all(a != b for number, a in enumerate(draws) for b in draws[:number])


def test_the_remainder_changes_from_epoch_to_epoch():
    sampler = PKSampler(np.repeat(np.arange(4), 5), ids_per_batch=4, images_per_id=3)
    left_out = {frozenset(range(20)) - {row for batch in sampler.epoch(e) for row in batch} for e in range(8)}
    assert len(left_out) == 8
    assert {len(rows) for rows in left_out} == {8}


def test_identities_are_drawn_evenly():
    sampler = PKSampler(np.repeat(np.arange(10), 2), ids_per_batch=2, images_per_id=2)
    first = Counter(row // 2 for epoch in range(1500) for row in sampler.epoch(epoch)[0][::2])
    assert set(first) == set(range(10))
    # Binomial with n = 1500, p = 0.2: a standard deviation of 15.5, of which five are allowed.
    assert all(abs(count - 300) < 78 for count in first.values())


def test_an_identity_with_fewer_images_is_filled_up():
    sampler = PKSampler([0, 1, 1, 1, 2, 2], ids_per_batch=3, images_per_id=3)
    seen = set()
    for epoch in range(30):
        (batch,) = sampler.epoch(epoch)
        groups = {(0, 1, 1, 1, 2, 2)[group[0]]: group for group in np.array(batch).reshape(3, 3).tolist()}
        assert groups[0] == [0, 0, 0]
        assert sorted(groups[1]) == [1, 2, 3]
        seen.add(tuple(sorted(groups[2])))
    assert seen == {(4, 4, 4), (4, 4, 5), (4, 5, 5), (5, 5, 5)}


def test_length():
    sampler = PKSampler([0] * 9 + [1] * 4 + [2] * 2, ids_per_batch=2, images_per_id=4)
    assert sampler.num_images == 8 + 4 + 4
    assert len(sampler) == 2
    assert len(PKSampler(many(), ids_per_batch=4, images_per_id=2, world_size=2)) == 160 // (4 * 2 * 2)


def test_too_few_identities():
    with pytest.raises(DataError, match=r"a batch needs 4 identities \(ids_per_batch\), but training has 3"):
        PKSampler([0, 1, 2] * 5, ids_per_batch=4, images_per_id=2, world_size=2)
    with pytest.raises(DataError, match="training has 0"):
        PKSampler([], ids_per_batch=1, images_per_id=2)


def test_rows_without_identity_are_refused():
    with pytest.raises(DataError, match="2 of 5 rows have no identity"):
        PKSampler([0, 1, -1, 2, -1], ids_per_batch=2, images_per_id=1)


@pytest.mark.parametrize(("p", "k"), [(0, 4), (4, 0), (-1, 4)])
def test_sizes_are_positive(p, k):
    with pytest.raises(ValueError, match=f"at least 1, not {p} and {k}"):
        PKSampler(many(), ids_per_batch=p, images_per_id=k)


@pytest.mark.parametrize("rank", [-1, 2])
def test_the_rank_lies_in_the_world(rank):
    with pytest.raises(ValueError, match=rf"rank must lie in 0\.\.1 .* not {rank}"):
        PKSampler(many(), ids_per_batch=2, images_per_id=2, rank=rank, world_size=2)
