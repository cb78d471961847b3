"""A model with two cameras and two views."""

from pathlib import Path

import pytest
import torch

from resight.data.transforms import EvalTransform
from resight.inference import Embedder, ModelCard

SETTINGS = {
    "image_size": (32, 16),
    "num_cameras": 2,
    "num_views": 2,
    "drop_path": 0.2,
    "shape": {"width": 12, "depth": 2, "heads": 3},
}


@pytest.fixture
def embedder() -> Embedder:
    card = ModelCard(
        "vit_nano",
        SETTINGS,
        EvalTransform((32, 16), mean=(0.1, 0.2, 0.3), std=(0.3, 0.4, 0.5)),
        cameras=("1", "2"),
        views=("front", "rear"),
        metrics={"mean_ap": 0.5},
        about={"recipe": "none"},
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = card.build()
        torch.nn.init.normal_(model.encoder.side_information.table)
    return Embedder(model, card, device="cpu")


@pytest.fixture
def folder(embedder: Embedder, tmp_path: Path) -> Path:
    embedder.save(tmp_path / "model")
    return tmp_path / "model"
