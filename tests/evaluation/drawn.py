"""Small random sets with ties, junk, distractors and unknown cameras, for property-based tests."""

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from resight.data.manifest import Manifest
from tests.oracles.metrics import Row


def as_manifest(side: str, rows: list[Row]) -> Manifest:
    columns: dict[str, list[Any]] = {
        "image": [row.image or f"{side}{i}.jpg" for i, row in enumerate(rows)],
        "pid": [row.pid for row in rows],
        "camid": [row.camid for row in rows],
        "junk": [row.junk for row in rows],
    }
    return Manifest.from_columns(columns, root="/set")


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[Row], list[Row], list[int], list[int]]:
    """Query rows, gallery rows, and a point on a line for each of them: few points, so many ties."""
    pid, camid = st.sampled_from(["1", "2", "3"]), st.sampled_from(["a", "b", None])
    query = draw(st.lists(st.builds(Row, pid, camid, st.sampled_from([False, False, True])), min_size=1, max_size=5))
    row = st.builds(Row, st.one_of(pid, st.none()), camid, st.sampled_from([False, False, False, True]))
    gallery = draw(st.lists(row, min_size=1, max_size=12))
    for i, one in enumerate(query):
        one.image = f"q{i}.jpg"
    for i, one in enumerate(gallery):
        one.image = f"q{i}.jpg" if draw(st.booleans()) else f"g{i}.jpg"
    points = [draw(st.lists(st.integers(0, 6), min_size=len(side), max_size=len(side))) for side in (query, gallery)]
    return query, gallery, points[0], points[1]


def on_a_line(points: list[int]) -> torch.Tensor:
    return torch.tensor(points, dtype=torch.float32)[:, None]


def squared(query: list[int], gallery: list[int]) -> list[list[float]]:
    return [[float((a - b) ** 2) for b in gallery] for a in query]


def clustered(
    num_identities: int, *, seed: int, images: int = 6, dim: int = 16, noise: float = 1.0, cameras: int = 3
) -> tuple[np.ndarray, Manifest]:
    """Unit vectors around a centre for each identity, some images noisier, and their rows."""
    rng = np.random.default_rng(seed)
    identity = np.repeat(np.arange(num_identities), images)
    spread = noise * rng.choice([0.5, 1.0, 1.8], size=(len(identity), 1), p=[0.5, 0.35, 0.15])
    vectors = rng.normal(size=(num_identities, dim))[identity] + spread * rng.normal(size=(len(identity), dim))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    columns = {
        "image": [f"{seed}_{i}.jpg" for i in range(len(identity))],
        "pid": [f"{seed}-{code}" for code in identity],
        "camid": [str(i % cameras) for i in range(len(identity))],
    }
    return vectors, Manifest.from_columns(columns, root="/set")
