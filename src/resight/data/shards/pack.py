"""Packing a manifest into tar shards, so that a kill costs the shards that were being written and no more."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.manifest import Manifest
from resight.data.shards.layout import DESCRIPTION, INDEX, ROWS, SKIPPED, UNFINISHED, ShardSet, is_shard_set
from resight.data.shards.members import BLOCK, Member
from resight.data.shards.originals import OWN_SOURCE, SOURCE, are_packed, original_images
from resight.data.shards.plan import KEY, Plan
from resight.data.shards.workers import write_shards
from resight.data.shards.writer import Part, finished_part
from resight.data.table_files import write_table
from resight.data.validation import Progress
from resight.errors import DataError
from resight.files import file_sha256, whole_file
from resight.folder_lock import LOCK, hold_folder

_FINGERPRINT = "packed_from"
_STRAY = ("*.tar.tmp", "*.npz.tmp")  # behind a dot, which `glob` does not skip


@dataclass(frozen=True)
class Packed:
    """What packing came to: the set, and how many of its shards an earlier run had finished."""

    shards: ShardSet
    kept: int


def pack(
    manifest: Manifest,
    folder: str | Path,
    *,
    rows_per_shard: int = 10_000,
    workers: int = 1,
    progress: Progress | None = None,
) -> Packed:
    """Pack every row of the manifest into tar shards; see `resight.data.shards.layout` for what is written.

    Killed at any time, the same call goes on: finished shards are kept. A row whose image is missing or damaged is left
    out and listed in `skipped.csv`. An image is packed as the file's own bytes; with a box its crop is, and the box
    moves to columns `source_box_x` and so on, and a column `source` of one's own to `own_source`. A column `key` of the
    manifest names the images, else row numbers do.

    Args:
        manifest: its images may be files, or lie in an LMDB or in shards.
        folder: of the set; new, empty, or one where this packing was begun.
        rows_per_shard: of each but the last; 10,000 crops of a person are some 100 MB.
        workers: processes. With more than one a script needs `if __name__ == "__main__"`, since each imports it anew.
        progress: called with (rows done, their number).

    Raises:
        DataError: if there is nothing to pack, keys are no names or not unique, the folder holds something else,
            another process packs there, or not one image can be read.
        OSError: if the disk is full or cannot be written.
        MemoryLimitError: if a worker was killed.
    """
    plan, folder = Plan.of(manifest, rows_per_shard), Path(folder).expanduser()
    with ExitStack() as stack:
        _require_place(folder, plan)
        stack.enter_context(hold_folder(folder, "packing", DataError))
        if (folder / DESCRIPTION).is_file():
            shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
            found = ShardSet.read(folder)
            return Packed(found, kept=len(found.shards))
        _begin(folder, plan)
        parts, kept = _write_shards(folder, plan, workers, progress)
        return Packed(_finish(folder, plan, parts), kept)


def _require_place(folder: Path, plan: Plan) -> None:
    """Raise unless the folder is new, empty, or that of the same packing."""
    if not folder.exists() or (folder.is_dir() and {path.name for path in folder.iterdir()} <= {LOCK}):
        return
    if not folder.is_dir() or not is_shard_set(folder):
        raise DataError(f"{folder}: expected a new or empty folder to pack into, but it holds something else")
    mark = folder / UNFINISHED / _FINGERPRINT
    if (folder / DESCRIPTION).is_file():
        packed_from = ShardSet.read(folder).packed_from
    else:
        packed_from = mark.read_text() if mark.is_file() else plan.fingerprint
    if packed_from != plan.fingerprint:
        raise DataError(
            f"{folder} holds shards of other rows, or of another number of rows in each; choose another folder, or "
            "delete it to pack anew"
        )


def _begin(folder: Path, plan: Plan) -> None:
    (folder / UNFINISHED).mkdir(exist_ok=True)
    with whole_file(folder / UNFINISHED / _FINGERPRINT) as temporary:
        temporary.write_text(plan.fingerprint)
    for pattern in _STRAY:  # what a killed run was writing
        for place in (folder, folder / UNFINISHED):
            for stray in place.glob(pattern):
                stray.unlink()


def _write_shards(folder: Path, plan: Plan, workers: int, progress: Progress | None) -> tuple[list[Part], int]:
    """The parts of all shards, and how many were there."""
    parts = {number: finished_part(folder, plan, number) for number in range(len(plan))}
    missing = [number for number, part in parts.items() if part is None]
    total = len(plan.manifest)
    kept = total - sum(len(plan.rows(number)) for number in missing)

    def on_rows(done: int) -> None:
        if progress:
            progress(kept + done, total)

    parts.update(zip(missing, write_shards(folder, plan, missing, workers, on_rows), strict=True))
    return [part for part in parts.values() if part is not None], len(plan) - len(missing)


def _finish(folder: Path, plan: Plan, parts: Sequence[Part]) -> ShardSet:
    """Writes all that lies beside the tars, the description last."""
    skipped = np.concatenate([part.skipped for part in parts])
    reasons = np.concatenate([part.reasons for part in parts])
    parts = [part for part in parts if len(part.rows)]
    if not parts:
        raise DataError(f"not one of the {len(plan.manifest):,} images can be read; the first: {reasons[0]}")
    with whole_file(folder / INDEX) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate([part.entries for part in parts]))
    _packed_rows(plan, parts, folder).write(folder / ROWS)
    if len(skipped):
        images = plan.manifest.table.column(IMAGE).take(pa.array(skipped))
        write_table(pa.table({"row": skipped, "image": images, "error": pa.array(reasons.tolist())}), folder / SKIPPED)
    tables = {name: file_sha256(folder / name) for name in (INDEX, ROWS)}
    packed = ShardSet(tuple(part.shard for part in parts), len(skipped), plan.fingerprint, tables)
    packed.write(folder)
    shutil.rmtree(folder / UNFINISHED)
    return packed


def _packed_rows(plan: Plan, parts: Sequence[Part], folder: Path) -> Manifest:
    """The manifest of the set."""
    table = plan.manifest.table.take(pa.array(np.concatenate([part.rows for part in parts])))
    originals = original_images(table)
    if SOURCE in table.column_names and are_packed(table):
        table = table.drop_columns([SOURCE])
    table = table.rename_columns([OWN_SOURCE if name == SOURCE else name for name in table.column_names])
    table = table.append_column(SOURCE, originals)
    if all(name in table.column_names for name in BOX_COLUMNS):
        table = table.rename_columns([f"source_{name}" if name in BOX_COLUMNS else name for name in table.column_names])
    if KEY not in table.column_names:
        table = table.append_column(KEY, pa.chunked_array([_keys(part) for part in parts], pa.string()))
    images = pa.chunked_array([_paths(part) for part in parts], pa.large_string())
    return Manifest(table.set_column(table.column_names.index(IMAGE), IMAGE, images), folder)


def _keys(part: Part) -> pa.Array:
    return pa.array([name.partition(".")[0] for name in part.names.tolist()], pa.string())


def _paths(part: Part) -> pa.Array:
    offsets = (part.entries["block"].astype(np.int64) * BLOCK).tolist()
    places = zip(part.names.tolist(), offsets, part.entries["size"].tolist(), strict=True)
    return pa.array([Member(part.name, *place).path for place in places], pa.large_string())
