import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.functional import (
    RERANK_PRESETS,
    Rerank,
    jaccard_distance,
    rerank_blocks,
    rerank_matrix,
    squared_euclidean_distance,
)
from resight.functional.distance_blocks import distance_blocks
from tests.oracles import rerank as oracle


def on_the_cpu(query, gallery, chosen):
    return rerank_matrix(query, gallery, chosen)


def as_tensor_operations(query, gallery, chosen):
    from resight.functional.rerank_tensor import rerank_tensor_blocks

    distances = distance_blocks(query, gallery, squared_euclidean_distance, memory=8 * len(gallery))
    blocks = rerank_tensor_blocks(query, gallery, chosen, torch.arange(len(query)), distances)
    return torch.cat([block for _, block in blocks])


BOTH = pytest.mark.parametrize("calculate", [on_the_cpu, as_tensor_operations])


@st.composite
def sets(draw):
    """Whole numbers of few values: distances are exact, and equal ones and copies are frequent."""
    width = draw(st.integers(1, 3))
    row = st.lists(st.integers(0, draw(st.integers(1, 6))), min_size=width, max_size=width)
    query, gallery = (torch.tensor(draw(st.lists(row, min_size=1, max_size=most))).float() for most in (6, 16))
    return query, gallery


@BOTH
@given(sets(), st.integers(1, 24), st.integers(1, 24), st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=150, deadline=None)
def test_equals_the_definition(calculate, drawn, k1, k2, weight):
    query, gallery = drawn
    expected = oracle.rerank(query.tolist(), gallery.tolist(), k1, k2, weight)
    np.testing.assert_allclose(calculate(query, gallery, Rerank(k1, k2, weight)), expected, atol=1e-6)


@BOTH
@pytest.mark.parametrize("name", RERANK_PRESETS)
def test_equals_the_definition_on_vectors_of_identities(calculate, name):
    query, gallery = identities(40, 120)
    chosen = RERANK_PRESETS[name]
    expected = oracle.rerank(query.double().tolist(), gallery.double().tolist(), chosen.k1, chosen.k2, chosen.weight)
    np.testing.assert_allclose(calculate(query, gallery, chosen), expected, atol=1e-5)


@given(sets(), st.integers(1, 24), st.integers(1, 24))
@settings(max_examples=100, deadline=None)
def test_jaccard_distance_equals_the_definition(drawn, k1, k2):
    signs = torch.cat(drawn)
    axes = torch.nn.functional.one_hot(signs[:, 0].long(), 7).float() * (1 - 2 * (signs[:, -1:] % 2))  # of unit length
    expected = oracle.clustering(axes.tolist(), k1, k2)
    found = jaccard_distance(3 * axes, k1=k1, k2=k2)
    np.testing.assert_allclose(found.to_dense(len(axes), 1.0), expected, atol=1e-6)
    assert all((np.diff(found.columns[a:b]) > 0).all() for a, b in itertools.pairwise(found.starts))


def identities(num_query, num_gallery):
    generator = torch.Generator().manual_seed(5)
    centers = torch.randn(12, 16, generator=generator)
    rows = centers[torch.arange(num_query + num_gallery) % 12]
    rows = torch.nn.functional.normalize(rows + 0.5 * torch.randn(rows.shape, generator=generator), dim=1)
    return rows[:num_query], rows[num_query:]


def test_the_official_settings():
    assert RERANK_PRESETS["transreid"] == Rerank(50, 15, 0.3)
    assert RERANK_PRESETS["paper"] == RERANK_PRESETS["transreid_ssl"] == Rerank(20, 6, 0.3) == Rerank()


def test_weight_1_is_the_old_distance_of_the_whole_row_divided_by_its_largest():
    query, gallery = identities(5, 30)
    old = squared_euclidean_distance(query, torch.cat([query, gallery]))
    expected = old[:, 5:] / old.amax(1, keepdim=True)
    torch.testing.assert_close(rerank_matrix(query, gallery, Rerank(weight=1.0)), expected)


@pytest.mark.parametrize("queries", [1, 7, 1000])
def test_memory_and_chosen_rows_do_not_change_the_distances(queries):
    query, gallery = identities(20, 60)
    whole = rerank_matrix(query, gallery, Rerank(10, 3))
    chosen = [4, 19, 0, 4]
    for rows in (None, chosen):
        expected = whole if rows is None else whole[chosen]
        seen = 0
        for part, block in rerank_blocks(query, gallery, Rerank(10, 3), rows=rows, memory=4 * 60 * queries):
            torch.testing.assert_close(block, expected[part], atol=1e-6, rtol=0)
            assert part.start == seen
            assert len(block) <= queries
            seen = part.stop
        assert seen == len(expected)


@BOTH
def test_one_query_and_one_gallery_row(calculate):
    one, same, other = torch.ones(1, 4), torch.ones(1, 4), torch.zeros(1, 4)
    assert calculate(one, same, Rerank()).item() == pytest.approx(0, abs=1e-6)
    apart = calculate(one, other, Rerank()).item()
    assert apart == pytest.approx(oracle.rerank(one.tolist(), other.tolist(), 20, 6, 0.3)[0][0], abs=1e-6)


@BOTH
def test_only_copies_of_one_image_have_distance_0_or_1(calculate):
    """Of more copies than the lists are long the later ones find no reciprocal neighbour."""
    copies = torch.full((9, 3), 2.0)
    expected = oracle.rerank(copies[:4].tolist(), copies[4:].tolist(), 2, 2, 0.3)
    np.testing.assert_allclose(calculate(copies[:4], copies[4:], Rerank(2, 2)), expected, atol=1e-6)


def test_queries_that_are_the_gallery_find_themselves_first():
    rows = identities(40, 1)[0]
    result = rerank_matrix(rows, rows, Rerank(6, 2))
    assert (result.diagonal() <= result.amin(1) + 1e-6).all()


def test_half_precision_and_double_are_calculated_in_float32():
    query, gallery = (side.half() for side in identities(6, 30))
    expected = rerank_matrix(query.float(), gallery.float(), Rerank(8, 3))
    torch.testing.assert_close(rerank_matrix(query, gallery, Rerank(8, 3)), expected, atol=0, rtol=0)
    assert rerank_matrix(query.double(), gallery.double(), Rerank(8, 3)).dtype == torch.float32


def test_autocast_and_gradients_change_nothing():
    query, gallery = identities(6, 30)
    expected = rerank_matrix(query, gallery, Rerank(8, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = rerank_matrix(query.clone().requires_grad_(), gallery, Rerank(8, 3))
    assert torch.equal(result, expected)
    assert not result.requires_grad


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 4), "same D"),
        (torch.zeros(3), torch.zeros(2, 3), "same D"),
        (torch.zeros(0, 3), torch.zeros(2, 3), "at least one row"),
        (torch.zeros(2, 3), torch.zeros(0, 3), "at least one row"),
        (torch.zeros(2, 3), torch.tensor([[0.0, 0, 0], [0, float("nan"), 0]]), r"1 of 2 gallery rows.*row 1"),
        (torch.tensor([[float("inf"), 0, 0]]), torch.zeros(2, 3), "query rows"),
        (torch.zeros(2, 3), torch.full((2, 3), 1e19), "gallery rows"),
    ],
)
def test_impossible_input_is_an_error(query, gallery, message):
    with pytest.raises(ValueError, match=message):
        rerank_matrix(query, gallery, Rerank())


def test_jaccard_distance_names_rows_that_are_not_finite():
    with pytest.raises(ValueError, match=r"feature rows.*row 1"):
        jaccard_distance(torch.tensor([[1.0, 0], [float("nan"), 0]]))


@pytest.mark.parametrize("values", [{"k1": 0}, {"k2": 0}, {"weight": 1.5}, {"weight": float("nan")}])
def test_impossible_settings_are_an_error(values):
    with pytest.raises(ValueError, match="re-ranking"):
        Rerank(**values)


def test_no_memory_is_an_error():
    with pytest.raises(ValueError, match="memory"):
        next(rerank_blocks(torch.zeros(1, 1), torch.zeros(1, 1), Rerank(), memory=0))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory of a process")
def test_memory_does_not_grow_with_the_square_of_the_rows():
    """12,000 rows: one float32 matrix of all pairs alone has 576 MB."""
    program = """
import re, torch
from pathlib import Path
from resight.functional import Rerank, rerank_blocks

def peak():  # of this program alone, kB; a usage record would count its parent as well
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

rows = torch.randn(12_000, 4)
for part in (100, 2_000):  # the first loads the kernels
    before = peak()
    for _ in rerank_blocks(rows[:part], rows[part : 6 * part], Rerank()): pass
print((peak() - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 150


def test_importing_it_does_not_import_numba():
    program = "import sys, resight.functional; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
