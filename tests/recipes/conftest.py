"""A recipe that trains in a second, on the tiny data set that all tests share."""

from pathlib import Path
from typing import Any

import pytest

from resight.data.manifest import Manifest
from resight.recipes import TrainRecipe, update

TINY: dict[str, Any] = {
    "model": {"name": "vit_nano", "image_size": [32, 16], "shape": {"width": 12, "depth": 2, "heads": 3}},
    "sampler": {"ids_per_batch": 2, "images_per_id": 2},
    "optimizer": {"name": "adamw", "lr": 1e-3},
    "train": {"epochs": 2, "seed": 3},
}


@pytest.fixture
def tiny_csv(tiny_manifest: Manifest) -> Path:
    """The tiny manifest on disk, beside its images."""
    path = tiny_manifest.root / "tiny.csv"
    tiny_manifest.write(path)
    return path


@pytest.fixture
def tiny_recipe(tiny_csv: Path) -> TrainRecipe:
    """4 identities to train on, 2 batches of 2 x 2 per epoch; 8 queries and 8 gallery rows."""
    return update(update(TrainRecipe(), TINY), {"data": {"source": tiny_csv}})
