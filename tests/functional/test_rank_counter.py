import multiprocessing
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional import rank_counter, rank_search
from resight.functional.matching import Matching
from resight.functional.rank_counter import RankCounter
from tests.functional.searches import INF, assert_equals_the_sort, matching_of, searches

WAYS = {"search": (10**12, 0), "sweep": (0, 10**9), "search beyond two matches": (0, 2)}


@pytest.fixture(params=WAYS, autouse=True)
def way(request, monkeypatch):
    """Every test runs with tensor operations alone, with the compiled kernel alone, and with both in one block."""
    compiled_from, sweep_limit = WAYS[request.param]
    monkeypatch.setattr(rank_counter, "_COMPILED_FROM", compiled_from)
    monkeypatch.setattr(rank_counter, "_SWEEP_LIMIT", sweep_limit)


def count(distances, codes, size=None):
    counter = RankCounter(codes)
    for start in range(0, len(distances), size or len(distances)):
        rows = slice(start, min(start + (size or len(distances)), len(distances)))
        counter.add(rows, distances[rows])
    return counter.result()


class TestEqualsAStableSort:
    @given(searches(), st.integers(1, 6), st.sampled_from([1, 20, 10**6]))
    @settings(max_examples=120, deadline=None)
    def test_small_and_awkward(self, search, size, pairs):
        distances, codes = search
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rank_search, "_MAX_PAIRS", pairs)
            assert_equals_the_sort(count(distances, codes, size), distances, codes)

    @pytest.mark.parametrize("num_values", [2, 50, 10**6])
    def test_rows_longer_than_a_tile(self, num_values):
        generator = torch.Generator().manual_seed(num_values)
        size, distinct = (6, 9000), min(num_values, 2**20)
        distances = torch.randint(distinct, size, generator=generator) / 7
        codes = Matching(
            *(torch.randint(-1, 300, (n,), generator=generator) for n in (6, 9000)),
            *(torch.randint(-1, 4, (n,), generator=generator) for n in (6, 9000)),
            torch.rand(9000, generator=generator) > 0.1,
        )
        assert_equals_the_sort(count(distances, codes), distances, codes)

    def test_all_rows_match(self):
        distances = torch.tensor([[2.0, 1.0, 1.0, INF, 0.0]] * 2)
        found = count(distances, matching_of([4, 4], [4] * 5))
        assert found.ranks.tolist() == [1, 2, 3, 4, 5] * 2

    def test_one_match_among_equals(self):
        found = count(torch.zeros(1, 5), matching_of([0], [1, 2, 0, 1, 1]))
        assert found.ranks.tolist() == [3]

    def test_all_rows_left_out(self):
        by_group = matching_of([0], [0, 0], [1], [1, 1])
        by_row = matching_of([0], [0, 0], gallery_counts=[False, False])
        for codes in (by_group, by_row):
            found = count(torch.zeros(1, 2), codes)
            assert (found.ranks.tolist(), found.num_matches.tolist(), found.num_candidates.tolist()) == ([], [0], [0])

    def test_left_out_rows_take_no_place(self):
        codes = matching_of([0], [0, 1, 0, 1, 0], [3], [3, -1, -1, -1, 3], [True, False, True, True, True])
        found = count(torch.arange(5.0)[None], codes)
        assert (found.ranks.tolist(), found.num_matches.tolist(), found.num_candidates.tolist()) == ([1], [1], [2])

    def test_infinity_is_a_distance_like_others(self):
        codes = matching_of([0], [1, 0, 0], [5], [-1, 5, -1])
        found = count(torch.full((1, 3), INF), codes)
        assert (found.ranks.tolist(), found.num_candidates.tolist()) == ([2], [2])

    def test_both_zeros_are_one_distance(self):
        codes = matching_of([0], [1, 0, 1])
        for zeros in ([0.0, -0.0, 0.0], [-0.0, 0.0, -0.0]):
            assert count(torch.tensor([zeros]), codes).ranks.tolist() == [2]

    def test_groups_that_span_other_labels(self):
        codes = matching_of([0], [0, 1, 0, 1], [7], [-1, 7, 7, -1])
        found = count(torch.tensor([[3.0, 0.0, 1.0, 2.0]]), codes)
        assert (found.ranks.tolist(), found.num_candidates.tolist()) == ([2], [2])

    def test_no_match_at_all(self):
        found = count(torch.zeros(2, 3), matching_of([0, -1], [1, 2, -1]))
        assert (found.ranks.tolist(), found.num_matches.tolist(), found.num_candidates.tolist()) == ([], [0, 0], [3, 3])

    def test_whole_numbers(self):
        assert count(torch.tensor([[3, 1, 2]]), matching_of([0], [0, 1, 0])).ranks.tolist() == [2, 3]


class TestBlocks:
    @pytest.fixture
    def search(self):
        generator = torch.Generator().manual_seed(0)
        codes = [torch.randint(-1, 4, (n,), generator=generator) for n in (7, 30, 7, 30)]
        return torch.randint(9, (7, 30), generator=generator).float(), Matching(*codes, torch.ones(30).bool())

    def test_any_order_and_one_buffer(self, search):
        distances, codes = search
        counter, buffer = RankCounter(codes), torch.empty(3, 30)
        for rows in (slice(5, 7), slice(0, 2), slice(2, 5)):
            block = buffer[: rows.stop - rows.start].copy_(distances[rows])
            counter.add(rows, block)
            buffer.fill_(torch.nan)
        assert_equals_the_sort(counter.result(), distances, codes)

    def test_a_block_is_only_read(self, search):
        distances, codes = search
        before = distances.clone()
        count(distances, codes)
        assert torch.equal(distances, before)

    def test_views_and_gradients(self, search):
        distances, codes = search
        turned = distances.T.contiguous().T.requires_grad_()
        assert_equals_the_sort(count(turned, codes, 4), distances, codes)

    def test_blocks_that_miss_or_repeat_a_query(self, search):
        distances, codes = search
        for blocks in ([slice(0, 3), slice(4, 7)], [slice(0, 3)], [slice(0, 4), slice(3, 7)]):
            counter = RankCounter(codes)
            for rows in blocks:
                counter.add(rows, distances[rows])
            with pytest.raises(ValueError, match=r"cover every query once; query [34] is"):
                counter.result()

    def test_shapes(self, search):
        distances, codes = search
        counter = RankCounter(codes)
        for rows, block in ((slice(0, 2), distances[:3]), (slice(0, 7), distances.T), (slice(0, 7, 2), distances[::2])):
            with pytest.raises(ValueError, match="expected distances of shape"):
                counter.add(rows, block)

    def test_nan_has_no_rank(self, search):
        distances, codes = search
        distances[5, 29] = torch.nan
        with pytest.raises(ValueError, match="distance of query 5 is NaN"):
            count(distances, codes, 3)

    def test_no_queries(self):
        found = RankCounter(matching_of([], [1, 2])).result()
        assert (found.ranks.tolist(), found.num_matches.tolist()) == ([], [])


def _count_in_child(queue):
    codes = matching_of([0] * 40, [0, 1, 0, 1])
    queue.put(count(torch.arange(160.0).view(40, 4), codes).ranks.tolist())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_process_counts_too():
    """As the workers of a data loader, which torch gives one thread."""
    codes = matching_of([0] * 40, [0, 1, 0, 1])
    here = count(torch.arange(160.0).view(40, 4), codes).ranks.tolist()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_count_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == here
    child.join()


def test_several_threads_at_once():
    generator = np.random.default_rng(0)
    distances = torch.from_numpy(generator.normal(size=(64, 500)))
    codes = matching_of(generator.integers(0, 20, 64).tolist(), generator.integers(0, 20, 500).tolist())
    expected, found = count(distances, codes).ranks, {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: count(distances, codes, 9)})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[i].ranks, expected) for i in range(4))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_is_torchs(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        distances = torch.rand(50, 40, generator=torch.Generator().manual_seed(0))
        codes = matching_of([i % 5 for i in range(50)], [i % 6 for i in range(40)])
        assert_equals_the_sort(count(distances, codes), distances, codes)
    finally:
        torch.set_num_threads(before)
