import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional import rank_counter
from resight.functional.distance import DISTANCES, squared_euclidean_distance
from resight.functional.matching import Matching
from resight.functional.ranking import ordered_keys, rank_matches, rank_matches_in_matrix
from tests.functional.searches import assert_equals_the_sort, matching_of, searches


@given(searches(), st.integers(1, 400))
@settings(max_examples=100, deadline=None)
def test_a_matrix_equals_a_stable_sort(search, memory):
    distances, codes = search
    assert_equals_the_sort(rank_matches_in_matrix(distances, codes, memory=memory), distances, codes)


def random_search(seed):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randint(-3, 4, (9, 4), generator=generator).float()  # small whole numbers: exact, and full of ties
    gallery = torch.randint(-3, 4, (30, 4), generator=generator).float()
    codes = Matching(
        *(torch.randint(-1, 4, (n,), generator=generator) for n in (9, 30, 9, 30)),
        torch.rand(30, generator=generator) > 0.2,
    )
    return query, gallery, codes


@given(st.integers(0, 2**31), st.integers(1, 2000), st.sampled_from([torch.float32, torch.bfloat16, torch.float64]))
@settings(max_examples=50, deadline=None)
def test_blocks_of_features_equal_the_whole_matrix(seed, memory, dtype):
    query, gallery, codes = random_search(seed)
    query, gallery = query.to(dtype), gallery.to(dtype)
    found = rank_matches(query, gallery, codes, distance=squared_euclidean_distance, memory=memory)
    assert_equals_the_sort(found, squared_euclidean_distance(query, gallery), codes)


@pytest.mark.parametrize("name", DISTANCES)
def test_compiled_and_tensor_operations_agree_to_the_rank(name, monkeypatch):
    generator = torch.Generator().manual_seed(1)
    vectors = torch.randn(700, 32, generator=generator)
    vectors[600:] = vectors[:100]  # duplicates
    codes = Matching(
        *(torch.randint(0, 9, (n,), generator=generator) for n in (200, 500, 200, 500)), torch.ones(500).bool()
    )
    found = []
    for compiled_from in (0, 10**12):
        monkeypatch.setattr(rank_counter, "_COMPILED_FROM", compiled_from)
        found.append(rank_matches(vectors[:200], vectors[200:], codes, distance=DISTANCES[name]))
    assert all(torch.equal(*both) for both in zip(*found, strict=True))


def test_equal_rows_rank_by_gallery_row():
    generator = torch.Generator().manual_seed(2)
    row = torch.randint(-2, 3, (1, 64), generator=generator).float()  # whole numbers: their products are exact
    codes = matching_of([0] * 40, [0, 1, 0, 1, 0])
    found = rank_matches(torch.randint(-2, 3, (40, 64), generator=generator).float(), row.repeat(5, 1), codes,
                         distance=squared_euclidean_distance)  # fmt: skip
    assert found.ranks.tolist() == [1, 3, 5] * 40


def test_keys_sort_as_the_distances_do():
    distances = torch.tensor([[3.0, -0.0, float("-inf"), 0.0, -1e-40, 1e-40, float("inf"), -2.0]])
    assert ordered_keys(distances).argsort(1).tolist() == distances.argsort(dim=1, stable=True).tolist()


def test_neither_the_import_nor_a_small_problem_imports_numba():
    code = (
        "import sys, torch, resight\n"
        "from resight.functional import Matching, rank_matches_in_matrix\n"
        "ids = torch.zeros(1, dtype=torch.int64)\n"
        "rank_matches_in_matrix(torch.zeros(1, 1), Matching(ids, ids, ids - 1, ids - 1, ids == 0))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.slow
def test_a_million_gallery_rows_in_bounded_memory():
    """In a process of its own, whose peak is its own: distances of 32 queries would take 128 MB, and get 16."""
    code = (
        "import resource, torch\n"
        "from resight.functional import Matching, rank_matches, squared_euclidean_distance\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "size, generator = 10**6, torch.Generator().manual_seed(0)\n"
        "gallery = torch.randn(size, 8, generator=generator)\n"
        "query = gallery[:32] + 1e-3\n"
        "gallery_label = torch.arange(size) // 20\n"
        "none = torch.full((size,), -1)\n"
        "codes = Matching(gallery_label[:32], gallery_label, none[:32], none, torch.ones(size).bool())\n"
        "def search(queries):\n"
        "    part = codes._replace(query_label=codes.query_label[queries], query_group=codes.query_group[queries])\n"
        "    options = {'distance': squared_euclidean_distance, 'memory': 2**24}\n"
        "    return rank_matches(query[queries], gallery, part, **options)\n"
        "search(slice(0, 4))\n"
        "before = peak()\n"
        "found = search(slice(0, 32))\n"
        "assert found.num_matches.tolist() == [20] * 32, found\n"
        "firsts = found.ranks.view(32, 20)[:, 0]\n"
        "assert (firsts == 1).all(), firsts\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=280, capture_output=True, text=True)
    assert int(done.stdout) < 40
