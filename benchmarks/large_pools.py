"""Pools and codes of millions of images, without as many images: for benchmarks of size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from shards import jpegs
from torch import Tensor

from resight.data.decode import Decoder
from resight.data.manifest import Manifest
from resight.data.pool import ShardPool
from resight.data.shards.layout import INDEX, ROWS, Shard, ShardSet
from resight.data.shards.pack import pack

WIDTH = 384
"""Numbers of a drawn feature."""

_BLANK = np.zeros((16, 8, 3), dtype=np.uint8)


def write_pool(folder: Path, rows: int) -> None:
    """A set of shards whose index has `rows` entries; they lead to the same few images, which one tar holds."""
    files, shards, encoded = folder / "files", folder / "shards", jpegs()
    files.mkdir(parents=True)
    names = [f"{number:02d}.jpg" for number in range(len(encoded))]
    for name, data in zip(names, encoded, strict=True):
        (files / name).write_bytes(data)
    pack(Manifest.from_columns({"image": names}, files), shards)
    found, index = ShardSet.read(shards), np.load(shards / INDEX)
    table = pq.read_table(shards / ROWS)
    places = np.arange(rows) % len(encoded)
    np.save(shards / INDEX, index[places])
    with pq.ParquetWriter(shards / ROWS, table.schema) as writer:
        for start in range(0, rows, 1 << 16):
            numbers = np.arange(start, min(start + (1 << 16), rows))
            part = table.take(pa.array(places[numbers]))
            for name, text in (("key", "{:09d}"), ("source", "images/folder{:04d}/person_{:09d}.jpg")):
                values = pa.array([text.format(n // 1000, n) if "/" in text else text.format(n) for n in numbers])
                at = part.column_names.index(name)
                part = part.set_column(at, part.schema.field(at), values.cast(part.schema.field(at).type))
            writer.write_table(part)
    tar = found.shards[0]
    ShardSet((Shard(tar.name, rows, tar.bytes, tar.sha256),), 0, found.packed_from).write(shards)


def write_codes(path: Path, count: int, width: int) -> int:
    """Codes (count, width) int8 as of one net: their mean cosine is 0.8, some lie near the mean, some far.

    A tenth of them are near duplicates of others, at a cosine of 0.9995 on average; returns how many.
    """
    rng = np.random.default_rng(0)
    mean, twins = rng.normal(size=width), 0
    with path.open("wb") as file:
        for start in range(0, count, 1 << 16):
            rows = min(1 << 16, count - start)
            spread = np.exp(0.3 * rng.normal(size=(rows, 1)))
            vectors = (2.2 * mean + spread * rng.normal(size=(rows, width))).astype(np.float32)
            few = rows // 10
            vectors[rows - few :] = vectors[:few] * (1 + 0.03 * rng.normal(size=(few, width)))
            vectors *= 127 / np.abs(vectors).max(axis=1, keepdims=True)
            file.write(vectors.round().astype(np.int8).tobytes())
            twins += few
    return twins


class Drawn:
    """In place of a net: random features, those of the target near those of the source."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.last = torch.empty(0)

    def source(self, images: Tensor) -> Tensor:
        self.last = torch.randn(len(images), WIDTH, generator=self.generator)
        return self.last

    def target(self, images: Tensor) -> Tensor:
        return self.last + 0.5 * torch.randn(len(images), WIDTH, generator=self.generator)


class Ready(ShardPool):
    """The set of shards, but its images are there without reading and decoding."""

    def pixels(self, row: int, decoder: Decoder = "pillow") -> np.ndarray:
        return _BLANK

    def announce(self, rows: Sequence[int]) -> None:
        return

    def __reduce__(self) -> tuple[Any, ...]:
        return Ready, (self.folder,)
