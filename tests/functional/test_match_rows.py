import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional.match_rows import match_rows
from resight.functional.matching import match_masks
from tests.functional.searches import matching_of, matchings


@given(st.data(), st.integers(0, 6), st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_the_lists_say_what_the_masks_say(data, num_query, num_gallery):
    codes = data.draw(matchings(num_query, num_gallery))
    match, left_out = match_masks(codes, slice(None))
    rows = match_rows(codes)
    assert rows.num_matches.tolist() == match.sum(1).tolist()
    assert rows.num_candidates.tolist() == (~left_out).sum(1).tolist()
    assert rows.uncounted.tolist() == (~codes.gallery_counts).nonzero()[:, 0].tolist()
    for q in range(num_query):
        for by, query, gallery in (
            (rows.labels, codes.query_label, codes.gallery_label),
            (rows.groups, codes.query_group, codes.gallery_group),
        ):
            expected = (gallery == query[q]) & (gallery >= 0) & codes.gallery_counts
            assert by.rows[slice(*by.spans[q])].tolist() == expected.nonzero()[:, 0].tolist()


def test_the_size_of_codes_does_not_matter():
    high = 2**62
    rows = match_rows(matching_of([high, 5], [high, high, 5], [high, -1], [high, high - 1, 3]))
    assert rows.num_matches.tolist() == [1, 1]
    np.testing.assert_array_equal(rows.groups.lengths, [1, 0])
    assert rows.labels.rows.dtype == np.int64


def test_masks_take_a_slice_or_rows():
    codes = matching_of([0, 1, 2], [2, 1, 0])
    assert torch.equal(match_masks(codes, slice(1, 3))[0], match_masks(codes, torch.tensor([1, 2]))[0])
