import numpy as np
import pytest
import torch
from PIL import Image

from resight.data.manifest import Manifest
from resight.evaluation import evaluate, rank_lists
from resight.report import RunResult


@pytest.fixture
def people(tmp_path):
    """(query vectors, query, gallery vectors, gallery): 4 coloured identities, 2 cameras, 2 images each."""
    folder = tmp_path / "images"
    folder.mkdir()
    rows, generator = [], np.random.default_rng(0)
    for pid in range(4):
        for camid in range(2):
            for shot in range(2):
                color = tuple(int(c) for c in generator.integers(0, 255, 3))
                name = f"images/{pid}_{camid}_{shot}.png"
                Image.new("RGB", (32, 64), color).save(tmp_path / name)
                rows.append((name, f"id{pid}", str(camid)))
    columns = dict(zip(("image", "pid", "camid"), map(list, zip(*rows, strict=True)), strict=True))
    manifest = Manifest.from_columns(columns, root=tmp_path)
    labels = torch.arange(16) // 4
    noise = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    vectors = torch.nn.functional.normalize(torch.eye(4)[labels] + 0.8 * noise, dim=1)
    is_query = np.arange(16) % 4 == 0
    mask = torch.from_numpy(is_query)
    return vectors[mask], manifest.select(is_query), vectors[~mask], manifest.select(~is_query)


@pytest.fixture
def make_run(people):
    """Makes a run over the people, its lists for the given query rows."""

    def make(name="one", rows=(0, 1, 2, 3), noise=0.0, **changes):
        query_vectors, query, gallery_vectors, gallery = people
        shift = noise * torch.randn(query_vectors.shape, generator=torch.Generator().manual_seed(2))
        sides = (query_vectors + shift, query, gallery_vectors, gallery)
        values = {
            "report": evaluate(*sides),
            "curves": [
                {
                    "epoch": e,
                    "loss": 3.0 / e,
                    "lr": 0.01 * e,
                    "accuracy": 0.2 * e,
                    "mean_ap": 0.5 if e % 2 == 0 else None,
                }
                for e in range(1, 5)
            ],
            "num_parameters": 21_837_312,
            "images_per_second": 432.1,
            "settings": {"model": "vit_small", "optimizer": {"lr": 0.008}, "seed": 0},
            "rank_lists": rank_lists(*sides, rows=list(rows), k=5),
        }
        return RunResult(name=name, **(values | changes))

    return make
