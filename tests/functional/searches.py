"""Random searches: codes of a matching and distances, with everything that can be awkward about them."""

import numpy as np
import torch
from hypothesis import strategies as st

from resight.functional.matching import Matching, MatchRanks
from tests.oracles import ranks as oracle

INF = float("inf")
VALUES = [-2.5, -1.0, -0.0, 0.0, 1e-40, 1e-30, 0.5, 1.0, 7.0, INF, -INF]


def matching_of(query_label, gallery_label, query_group=None, gallery_group=None, gallery_counts=None):
    return Matching(
        torch.tensor(query_label, dtype=torch.int64),
        torch.tensor(gallery_label, dtype=torch.int64),
        torch.tensor(query_group or [-1] * len(query_label), dtype=torch.int64),
        torch.tensor(gallery_group or [-1] * len(gallery_label), dtype=torch.int64),
        torch.tensor(gallery_counts or [True] * len(gallery_label), dtype=torch.bool),
    )


@st.composite
def matchings(draw, num_query, num_gallery):
    """Codes from few (many matches, huge groups) or many values, in any mixture; rows that count for nobody."""

    def codes(size):
        top = draw(st.sampled_from([0, 2, 10**12]))
        return torch.tensor(draw(st.lists(st.integers(-1, top), min_size=size, max_size=size)), dtype=torch.int64)

    labels, groups = (codes(num_query + num_gallery) for _ in range(2))
    counts = draw(st.lists(st.sampled_from([True, True, True, False]), min_size=num_gallery, max_size=num_gallery))
    return Matching(
        labels[:num_query], labels[num_query:], groups[:num_query], groups[num_query:], torch.tensor(counts).bool()
    )


@st.composite
def searches(draw):
    """Distances (Q, G) of any float type and codes: random, tied, all equal, infinite, signed zeros."""
    num_query, num_gallery = draw(st.integers(1, 5)), draw(st.integers(1, 14))
    codes = draw(matchings(num_query, num_gallery))
    if draw(st.booleans()):
        size = num_query * num_gallery
        values = draw(st.sampled_from([VALUES, [1.0], [0.0, -0.0], [INF]]))
        cells = draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))
    else:
        cells = np.random.default_rng(draw(st.integers(0, 10**6))).normal(size=num_query * num_gallery).tolist()
    dtype = draw(st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]))
    return torch.tensor(cells, dtype=dtype).view(num_query, num_gallery), codes


def assert_equals_the_sort(found: MatchRanks, distances: torch.Tensor, codes: Matching) -> None:
    expected = oracle.ranks(distances.tolist(), codes)
    assert found.ranks.tolist() == [rank for places, _ in expected for rank in places]
    assert found.num_matches.tolist() == [len(places) for places, _ in expected]
    assert found.num_candidates.tolist() == [rows for _, rows in expected]
