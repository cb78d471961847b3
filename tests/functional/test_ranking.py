import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional import ranking
from resight.functional.distance import squared_euclidean_distance
from resight.functional.ranking import Matching, ordered_keys, query_chunks, rank_matches, rank_matches_in_matrix


def matching_of(query_label, gallery_label, query_group=None, gallery_group=None, gallery_counts=None):
    return Matching(
        torch.tensor(query_label),
        torch.tensor(gallery_label),
        torch.tensor(query_group or [-1] * len(query_label)),
        torch.tensor(gallery_group or [-1] * len(gallery_label)),
        torch.tensor(gallery_counts or [True] * len(gallery_label)),
    )


def slow_ranks(distances, codes):
    """Ranks of each query's matches by sorting (distance, row)."""
    result = []
    for q, row in enumerate(distances.tolist()):
        group, label = codes.query_group[q], codes.query_label[q]
        counted = [
            g
            for g in sorted(range(len(row)), key=lambda g: (row[g], g))
            if codes.gallery_counts[g] and not (group >= 0 and codes.gallery_group[g] == group)
        ]
        matches = [i + 1 for i, g in enumerate(counted) if label >= 0 and codes.gallery_label[g] == label]
        result.append((matches, len(counted)))
    return result


@st.composite
def searches(draw):
    num_query, num_gallery = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    codes = Matching(
        torch.tensor(draw(st.lists(st.integers(-1, 2), min_size=num_query, max_size=num_query))),
        torch.tensor(draw(st.lists(st.integers(-1, 2), min_size=num_gallery, max_size=num_gallery))),
        torch.tensor(draw(st.lists(st.integers(-1, 2), min_size=num_query, max_size=num_query))),
        torch.tensor(draw(st.lists(st.integers(-1, 2), min_size=num_gallery, max_size=num_gallery))),
        torch.tensor(draw(st.lists(st.booleans(), min_size=num_gallery, max_size=num_gallery))),
    )
    values = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 1e-30, 0.5, 1.0, 7.0, float("inf"), -float("inf")])
    cells = draw(st.lists(values, min_size=num_query * num_gallery, max_size=num_query * num_gallery))
    dtype = draw(st.sampled_from([torch.float16, torch.float32, torch.float64]))
    return torch.tensor(cells, dtype=dtype).view(num_query, num_gallery), codes, draw(st.integers(1, 6))


@given(searches())
@settings(max_examples=300, deadline=None)
def test_equals_a_stable_sort(search):
    distances, codes, chunk = search
    found = rank_matches_in_matrix(distances, codes, chunk=chunk)
    expected = slow_ranks(distances, codes)
    assert found.ranks.tolist() == [rank for ranks, _ in expected for rank in ranks]
    assert found.num_matches.tolist() == [len(ranks) for ranks, _ in expected]
    assert found.num_candidates.tolist() == [rows for _, rows in expected]


@given(st.integers(0, 2**31), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_chunks_of_features_equal_the_whole_matrix(seed, chunk):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randint(-3, 4, (9, 4), generator=generator).float()  # small whole numbers: exact, and full of ties
    gallery = torch.randint(-3, 4, (30, 4), generator=generator).float()
    codes = Matching(
        *(torch.randint(-1, 4, (n,), generator=generator) for n in (9, 30, 9, 30)),
        torch.rand(30, generator=generator) > 0.2,
    )
    streamed = rank_matches(query, gallery, codes, distance=squared_euclidean_distance, chunk=chunk)
    whole = rank_matches_in_matrix(squared_euclidean_distance(query, gallery), codes)
    for one, other in zip(streamed, whole, strict=True):
        assert torch.equal(one, other)


def test_equal_distances_rank_by_gallery_row():
    codes = matching_of([0], [1, 0, 1, 0, 0])
    assert rank_matches_in_matrix(torch.zeros(1, 5), codes).ranks.tolist() == [2, 4, 5]


def test_left_out_rows_take_no_place():
    codes = matching_of([0], [0, 1, 0, 1, 0], [3], [3, -1, -1, -1, 3], [True, False, True, True, True])
    found = rank_matches_in_matrix(torch.arange(5.0)[None], codes)
    assert (found.ranks.tolist(), found.num_matches.tolist(), found.num_candidates.tolist()) == ([1], [1], [2])


def test_infinite_distances_still_rank_before_rows_left_out():
    codes = matching_of([0], [1, 0, 0], [5], [-1, 5, -1])
    found = rank_matches_in_matrix(torch.full((1, 3), float("inf")), codes)
    assert (found.ranks.tolist(), found.num_candidates.tolist()) == ([2], [2])


def test_no_match_at_all():
    found = rank_matches_in_matrix(torch.zeros(2, 3), matching_of([0, -1], [1, 2, -1]))
    assert (found.ranks.tolist(), found.num_matches.tolist(), found.num_candidates.tolist()) == ([], [0, 0], [3, 3])


def test_keys_sort_as_the_distances_do():
    distances = torch.tensor([[3.0, -0.0, float("-inf"), 0.0, -1e-40, 1e-40, float("inf"), -2.0]])
    assert ordered_keys(distances).argsort(1).tolist() == distances.argsort(dim=1, stable=True).tolist()


def test_chunks_cover_all_queries_and_shrink_for_a_large_gallery():
    assert [(rows.start, rows.stop) for rows in query_chunks(7, 10, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert next(iter(query_chunks(500, 4_000_000, 256))).stop == ranking._MAX_PAIRS // 4_000_000
    assert next(iter(query_chunks(2, 2**40, 256))).stop == 1
    with pytest.raises(ValueError, match="got 0"):
        query_chunks(1, 1, 0)
