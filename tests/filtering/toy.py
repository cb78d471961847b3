"""A pool of flat colours, nets whose features follow from the colour, and a scorer that counts what it sees."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.scorer import PixelMeasure, ScoreBatch, Values

SIZE = (8, 4)
DAMAGED = (3, 17)


def write_pool(root: Path, count: int = 40, damaged: tuple[int, ...] = DAMAGED) -> Manifest:
    """Images `00.png` and so on, red rising from 5 by 5; the damaged ones are cut short."""
    root.mkdir(parents=True)
    names = [f"{row:02d}.png" for row in range(count)]
    for row, name in enumerate(names):
        buffer = io.BytesIO()
        Image.new("RGB", (6, 12), (5 * row + 5, 100, 30)).save(buffer, "PNG")
        data = buffer.getvalue()
        (root / name).write_bytes(data[: len(data) // 2] if row in damaged else data)
    return Manifest.from_columns({"image": names, "camid": ["a", "b"] * (count // 2)}, root)


def colour(images: Tensor) -> Tensor:
    """(B, 3): the mean colour."""
    return images.mean(dim=(2, 3))


def turned(images: Tensor) -> Tensor:
    """(B, 3): the mean colour with red and green exchanged."""
    return colour(images)[:, [1, 0, 2]]


def space(net: Any = colour, name: str = "source") -> FeatureSpace:
    return FeatureSpace(name, net, EvalTransform(SIZE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), name)


def first_red(pixels: np.ndarray) -> float:
    """Red of the first pixel."""
    return float(pixels[0, 0, 0])


class Watcher:
    """Scores `mean` (from the net), `red` (as measured), `few` (of few values) and `number` (of the row).

    It keeps the rows that it saw.
    """

    def __init__(self, fail_at: int | None = None) -> None:
        self.seen: list[int] = []
        self.fail_at = fail_at
        self.space = space()

    columns: tuple[str, ...] = ("mean", "red", "few", "number")
    measures: Mapping[str, PixelMeasure] = {"red": first_red}
    about: Mapping[str, Any] = {"scorer": "watcher"}

    @property
    def spaces(self) -> tuple[FeatureSpace, ...]:
        return (self.space,)

    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        if self.fail_at is not None and self.fail_at in batch.rows:
            raise InterruptedError("stopped")
        self.seen += batch.rows.tolist()
        return {
            "mean": batch.features(self.space)[:, 0] * 255,
            "red": batch.measured["red"],
            "few": batch.measured["red"] // 50,
            "number": torch.from_numpy(batch.rows),
        }
