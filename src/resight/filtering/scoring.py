"""One pass over a pool: each image is decoded once, all scorers see it, and what they say goes to disk block by block.

Killed at any time, the same call goes on with the blocks that are missing. Processes share the blocks; which of them
scores a block does not matter, since its batches are the same.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from resight.data.decode import Decoder
from resight.data.pool import Pool
from resight.errors import DataError, ModelFormatError
from resight.filtering.blocks import Block, Blocks
from resight.filtering.exchange import Exchange
from resight.filtering.layout import SCORES, UNFINISHED
from resight.filtering.loading import Loaded, PoolReader, pool_loader
from resight.filtering.merging import merge
from resight.filtering.pool_rows import pool_fingerprint
from resight.filtering.score_file import ScoreFile
from resight.filtering.scorer import ScoreBatch, Scorer, Values
from resight.memory import explain_out_of_memory

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PassSettings:
    """How a pass runs. To go on, decoder, autocast and rows_per_block have to stay the same; the others do not change
    more than the last digits of a score.

    batch_size: images at a time, at most rows_per_block. workers: processes that decode, for each process that scores;
    0: this one does. decoder: see `resight.data.decode.open_pixels`. device: where nets compute; their weights are
    there. autocast: number type of matrix products; None: float32. rows_per_block: what a kill can cost.
    """

    batch_size: int = 64
    workers: int = 0
    decoder: Decoder = "pillow"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    autocast: torch.dtype | None = None
    rows_per_block: int = 1024

    def about(self) -> dict[str, str]:
        """What scores depend on, as plain values."""
        return {"decoder": self.decoder, "precision": str(self.autocast or torch.float32).removeprefix("torch.")}


def score_pool(
    pool: Pool,
    scorers: Sequence[Scorer],
    folder: Path,
    *,
    settings: PassSettings | None = None,
    exchange: Exchange | None = None,
    progress: Progress | None = None,
) -> ScoreFile:
    """Scores of every image of a pool, in `scores.parquet`; those that cannot be read are in `damaged.csv`.

    Args:
        pool: N images.
        scorers: what to ask of each image; their columns have different names.
        folder: where to write, and where a killed pass has left its blocks. A finished pass is not run again.
        settings: of the pass.
        exchange: with the other processes that make the same call; they write to the same folder.
        progress: called with (images done, N); of several processes it is an estimate.

    Raises:
        DataError: if the folder holds another pass, a finished block is damaged, or not one image can be read.
        ModelFormatError: if a score is not finite.
        MemoryLimitError: if a batch does not fit into memory.
        ValueError: if two scorers give the same column, or there is none.
    """
    settings, exchange = settings or PassSettings(), exchange or Exchange.alone()
    columns = _columns(scorers)
    about = {
        "pool": pool_fingerprint(pool),
        "scorers": [dict(scorer.about) for scorer in scorers],
        **settings.about(),
    }
    found = finished_scores(pool, folder, exchange)
    if found is not None:
        if dict(found.about) != json.loads(json.dumps(about)):  # in the file tuples are lists
            raise DataError(f"{found.path} holds scores by other scorers or settings; choose another folder")
        return found
    blocks = Blocks(folder / UNFINISHED, len(pool), settings.rows_per_block)
    if exchange.is_first:
        blocks.begin(about)
    missing = exchange.gather(blocks.missing() if exchange.is_first else [])[0]
    mine = missing[exchange.rank :: exchange.world]
    _score(pool, scorers, blocks, mine, settings, _shown(progress, len(pool), len(missing), blocks, exchange))
    exchange.wait()
    if exchange.is_first:
        merge(pool, blocks, folder, columns, about)
        shutil.rmtree(blocks.folder)
    exchange.wait()
    return ScoreFile(folder / SCORES)


def finished_scores(pool: Pool, folder: Path, exchange: Exchange) -> ScoreFile | None:
    """The scores of a pass that is finished; None where it is not. What a kill at its very end has left is removed.

    Raises:
        DataError: if they are those of another pool.
    """
    if not exchange.gather((folder / SCORES).is_file())[0]:
        return None
    scores = ScoreFile(folder / SCORES)
    if scores.about.get("pool") != pool_fingerprint(pool):
        raise DataError(
            f"{scores.path} holds the scores of another pool, or images have come or gone since; choose another folder"
        )
    if exchange.is_first:
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    return scores


def _columns(scorers: Sequence[Scorer]) -> tuple[str, ...]:
    columns = tuple(name for scorer in scorers for name in scorer.columns)
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(f"expected scorers whose columns have different names, came {', '.join(columns) or 'none'}")
    return columns


def _shown(
    progress: Progress | None, total: int, missing: int, blocks: Blocks, exchange: Exchange
) -> Callable[[int], None]:
    """Tells of the rows that this process has done."""
    before = total - min(missing * blocks.size, total)

    def show(done: int) -> None:
        if progress is not None:
            progress(min(before + done * exchange.world, total), total)

    return show


@torch.inference_mode()
def _score(
    pool: Pool,
    scorers: Sequence[Scorer],
    blocks: Blocks,
    numbers: Sequence[int],
    settings: PassSettings,
    show: Callable[[int], None],
) -> None:
    """Scores these blocks. One loader reads ahead over all of them."""
    spaces = {space: None for scorer in scorers for space in scorer.spaces}
    sizes = list(dict.fromkeys((space.transform.image_size, space.transform.interpolation) for space in spaces))
    measures = {name: measure for scorer in scorers for name, measure in scorer.measures.items()}
    batches = _Batches(blocks, numbers, settings.batch_size)
    reader = PoolReader(pool, sizes, measures, settings.decoder)
    loader, done = iter(pool_loader(reader, batches, workers=settings.workers)), 0
    for number in numbers:
        found = _Found()
        for rows in batches.of_block(number):
            loaded = next(loader)
            with explain_out_of_memory(f"scoring {len(rows)} images at a time", "lower --batch-size"):
                found.add(loaded, _scores(loaded, scorers, settings))
            done += len(rows)
            show(done)
        blocks.write(number, found.block(_columns(scorers)))


@dataclass(frozen=True)
class _Batches:
    """The rows of each batch, made when they are asked for: millions of numbers would take hundreds of megabytes."""

    blocks: Blocks
    numbers: Sequence[int]
    size: int

    def __iter__(self) -> Iterator[list[int]]:
        for number in self.numbers:
            yield from map(list, self.of_block(number))

    def of_block(self, number: int) -> Iterator[range]:
        rows = self.blocks.rows(number)
        return (rows[start : start + self.size] for start in range(0, len(rows), self.size))


def _scores(loaded: Loaded, scorers: Sequence[Scorer], settings: PassSettings) -> dict[str, Values]:
    if not len(loaded.rows):
        return {}
    batch = ScoreBatch(
        loaded.rows.numpy(),
        {kind: pixels.to(settings.device, non_blocking=True) for kind, pixels in loaded.pixels.items()},
        {name: values.numpy() for name, values in loaded.measured.items()},
        settings.autocast,
    )
    return {name: values for scorer in scorers for name, values in scorer(batch).items()}


class _Found:
    """What is known of a block so far; tensors stay on their device, so that the device need not wait."""

    def __init__(self) -> None:
        self.rows: list[torch.Tensor] = []
        self.scores: list[dict[str, Values]] = []
        self.damaged: list[tuple[int, str]] = []

    def add(self, loaded: Loaded, scores: dict[str, Values]) -> None:
        self.damaged += loaded.damaged
        if scores:
            self.rows.append(loaded.rows)
            self.scores.append(scores)

    def block(self, columns: Sequence[str]) -> Block:
        rows = torch.cat([torch.empty(0, dtype=torch.int64), *self.rows]).numpy()
        return Block(
            rows,
            {name: self._column(name) for name in columns} if len(rows) else {},
            np.array([row for row, _ in self.damaged], dtype=np.int64),
            np.array([reason for _, reason in self.damaged], dtype=np.str_),
        )

    def _column(self, name: str) -> np.ndarray:
        parts = [torch.as_tensor(scores[name]).float() for scores in self.scores]
        values = torch.cat(parts).cpu()
        if not values.isfinite().all():
            raise ModelFormatError(
                f"a score ({name}) is not finite: the net has failed, or its numbers are too large for half precision; "
                "score into a new folder with --precision fp32, where --source and --target-proxy take the proxies "
                "that are there, or take another net"
            )
        return values.numpy()
