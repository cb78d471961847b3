import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data.row_hash import add_floats, repeated, text_hashes


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=30), st.integers(0, 5))
def test_equal_text_has_equal_hashes_and_other_text_others(words: list[str], start: int) -> None:
    hashes = text_hashes(pa.array(words, pa.large_string()).slice(start)).tolist()
    rest = words[start:]
    assert len(hashes) == len(rest)
    for first, one in zip(rest, hashes, strict=True):
        for second, other in zip(rest, hashes, strict=True):
            assert (first == second) == (one == other)


def test_blocks_do_not_matter() -> None:
    words = [f"folder/{number % 70_000}.jpg" for number in range(140_000)]
    hashes = text_hashes(pa.array(words, pa.large_string()))
    np.testing.assert_array_equal(hashes[:70_000], hashes[70_000:])
    assert len(np.unique(hashes)) == 70_000


def test_floats_count() -> None:
    hashes = np.zeros(4, dtype=np.uint64)
    mixed = add_floats(hashes, np.array([0.0, -0.0, 1.0, 2.0]))
    assert mixed[0] == mixed[1]
    assert len(set(mixed.tolist())) == 3


def test_repeated() -> None:
    assert repeated(np.array([5, 1, 5, 2, 1, 9], dtype=np.uint64)).tolist() == [0, 1, 2, 4]
    assert repeated(np.array([], dtype=np.uint64)).tolist() == []
