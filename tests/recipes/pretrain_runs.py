"""Pre-training in a second, on the tiny data set that all tests share."""

from pathlib import Path
from typing import Any

from resight.recipes import PretrainRecipe, update
from tests.pretrain.toy import OPTIONS, SHAPE

TINY: dict[str, Any] = {
    "model": {"name": "vit_nano", "patch_size": 8, "shape": SHAPE},
    "views": {"size": [32, 16], "local_size": [16, 8], "local_crops": 2},
    "data": {"batch_size": 4},
    "schedule": {"warmup_epochs": 1},
    "train": {"epochs": 2, "seed": 3, "save_steps": 1},
}


def tiny_pretraining(pool: Path, method: str = "dino", **changes: Any) -> PretrainRecipe:
    """32 images, 8 batches of 4 per epoch."""
    kind = "dino" if method == "dino" else "byol"
    recipe = update(
        PretrainRecipe(), {**TINY, "method": method, "options": OPTIONS[method]} | {"views": {"kind": kind}}
    )
    return update(update(update(recipe, TINY), {"data": {"source": pool}}), changes)
