"""That the numbers are right is tested in test_rerank.py and with the golden cases; here: in portions of any size."""

import pytest
import torch

from resight.functional import Rerank, rerank_matrix, rerank_tensor, squared_euclidean_distance
from resight.functional.distance_blocks import distance_blocks


@pytest.mark.parametrize("entries", [1, 100, 5000])
@pytest.mark.parametrize("rows", [None, [7, 0, 7]])
def test_the_size_of_portions_changes_nothing(entries, rows, monkeypatch):
    monkeypatch.setattr(rerank_tensor, "_MAX_ENTRIES", entries)
    images = torch.randint(4, (50, 3), generator=torch.Generator().manual_seed(0)).float()
    query, gallery = images[:12], images[12:]
    wanted = torch.arange(12) if rows is None else torch.tensor(rows)
    distances = distance_blocks(query[wanted], gallery, squared_euclidean_distance, memory=5 * 4 * len(gallery))
    blocks = rerank_tensor.rerank_tensor_blocks(query, gallery, Rerank(6, 3), wanted, distances)
    found = torch.cat([block for _, block in blocks])
    torch.testing.assert_close(found, rerank_matrix(query, gallery, Rerank(6, 3))[wanted], atol=1e-6, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("settings", [Rerank(20, 6, 0.3), Rerank(50, 15, 0.3)])
def test_a_gpu_equals_the_cpu(settings):
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    images = torch.nn.functional.normalize(torch.randn(1500, 32, generator=torch.Generator().manual_seed(0)), dim=1)
    query, gallery = images[:300], images[300:]
    found = rerank_matrix(query.cuda(), gallery.cuda(), settings)
    assert found.is_cuda
    difference = (found.cpu() - rerank_matrix(query, gallery, settings)).abs()
    assert (difference > 1e-5).float().mean() < 1e-3  # a near tie may fall the other way
