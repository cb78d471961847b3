import numpy as np
import pytest
import torch

from resight.functional.compiled import row_threads
from resight.functional.rerank_codes import neighbour_codes, query_expansion
from resight.functional.rerank_neighbours import neighbours
from tests.oracles import rerank as oracle


@pytest.mark.parametrize("split", [0, 13, 40])
@pytest.mark.parametrize(("k1", "k2"), [(1, 2), (5, 2), (12, 7), (60, 60)])
def test_codes_equal_the_definition(split, k1, k2):
    images = np.random.default_rng(k1).integers(0, 4, (40, 3)).astype(np.float32)
    distances = oracle.squared_distances(images.tolist())
    ranks = oracle.ranking(distances)
    whole, half = min(k1 + 1, 40), min(round(k1 / 2) + 1, 40)
    scaled = [[value / 10 for value in line] for line in distances]
    sides = torch.from_numpy(images[:split]), torch.from_numpy(images[split:])
    with row_threads() as run:
        found = neighbours(*sides, max(whole, min(k2, 40)), run)
        scale = np.full(40, 10, np.float32)
        codes = neighbour_codes(*sides, found, whole=whole, half=half, scale=scale, run=run)
        averaged = query_expansion(codes, found.rows, min(k2, 40), run)
    np.testing.assert_allclose(codes.to_dense(40, 0.0), oracle.codes(scaled, ranks, k1 + 1, half, 1), atol=1e-6)
    np.testing.assert_allclose(averaged.to_dense(40, 0.0), oracle.codes(scaled, ranks, k1 + 1, half, k2), atol=1e-6)
    for rows in (codes, averaged):  # every column once
        per_row = [rows.columns[a:b] for a, b in zip(rows.starts[:-1], rows.starts[1:], strict=True)]
        assert all(len(np.unique(columns)) == len(columns) for columns in per_row)
