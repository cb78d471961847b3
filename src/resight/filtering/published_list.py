"""The lists that TransReID-SSL published: image paths as a pickle, the highest score first. Written and read."""

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import pack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import BOX_COLUMNS
from resight.data.convert.lists import require_listed_once
from resight.data.convert.luperson import read_list
from resight.data.path_spelling import ABSOLUTE
from resight.data.pool import Pool
from resight.data.shards.pack import SOURCE
from resight.errors import DataError
from resight.files import whole_file
from resight.filtering.layout import KEY, SCORES
from resight.filtering.pool_rows import pool_fingerprint, table_parts
from resight.filtering.score_file import ScoreFile, write_scores

LISTED = "listed"
_IMAGES = "images/"
_AT_A_TIME = 1000


def write_list(scores: ScoreFile, values: np.ndarray, path: Path) -> int:
    """Writes all scored images, the highest score first; of equal ones the lowest key first.

    Paths are relative to the pool's folder, or where all are in its `images` folder, to that, as in the lists for
    LUPerson; those of shards are the ones before packing.

    Args:
        scores: of N images.
        values: (N,) score to sort by, NaN where a row has none.
        path: of a pickle (.pkl), or of a text with a path on each line (.txt).

    Returns:
        How many are listed.

    Raises:
        DataError: if the suffix is another one, images are boxes of larger ones, or paths are absolute.
    """
    require_list_name(path)
    names = _names(scores)
    known = np.flatnonzero(~np.isnan(values))
    by_key = known[pc.array_sort_indices(names.take(pa.array(known))).to_numpy()]
    ordered = names.take(pa.array(by_key[np.argsort(-values[by_key], kind="stable")]))
    with whole_file(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".txt":
            file.writelines(f"{name}\n".encode() for name in _texts(ordered))
        else:
            file.writelines(_pickled(_texts(ordered)))
    return len(ordered)


def require_list_name(path: Path) -> None:
    """Raises DataError if a list cannot be called that."""
    if path.suffix not in (".pkl", ".txt"):
        raise DataError(f"{path}: a list ends in .pkl or .txt, came {path.suffix or 'no suffix'!r}")


def score_by_list(pool: Pool, path: Path, folder: Path) -> ScoreFile:
    """Scores of a pool from a list, in `scores.parquet`: column `listed`, the higher the earlier in the list.

    Args:
        pool: the images; those that are not listed have no score.
        path: of the list, see `write_list`.
        folder: where to write.

    Raises:
        DataError: if the list cannot be read, names an image twice, or names not one image of the pool.
    """
    listed = read_list(path)
    require_listed_once(path, listed)
    places = _from_images(pa.chunked_array([listed], pa.large_string())).combine_chunks()
    found = 0

    def parts() -> Iterator[pa.Table]:
        nonlocal found
        for part in table_parts(pool, folder.absolute()):
            place = pc.index_in(_from_images(_originals(part)), value_set=places)
            found += len(place) - place.null_count
            part = part.drop_columns([LISTED]) if LISTED in part.column_names else part
            yield part.append_column(LISTED, pc.subtract(len(listed), place).cast(pa.float32()))

    about = {"pool": pool_fingerprint(pool), "scorers": [{"scorer": LISTED, "list": path.name, "images": len(listed)}]}
    write_scores(parts(), folder / SCORES, columns=(LISTED,), about=about)
    if not found:
        (folder / SCORES).unlink()
        raise DataError(f"{path}: not one image of the pool is in the list; its first: {listed[0]}")
    return ScoreFile(folder / SCORES)


def _names(scores: ScoreFile) -> pa.Array:
    """The paths (N,) for a list."""
    chunks: list[pa.Array] = []
    has_boxes = False
    for part in scores.parts((KEY, SOURCE, BOX_COLUMNS[0])):
        chunks += _originals(part).chunks
        boxes = part.column(BOX_COLUMNS[0]) if BOX_COLUMNS[0] in part.column_names else None
        has_boxes = has_boxes or (boxes is not None and boxes.null_count < len(boxes))
    names = pa.chunked_array(chunks, pa.large_string())
    if has_boxes or pc.any(pc.match_substring_regex(names, ABSOLUTE)).as_py():
        raise DataError(
            f"{scores.path}: a list holds paths of whole images relative to the pool's folder, but this pool has "
            "absolute paths, or boxes in images; use kept.parquet instead"
        )
    inside = pc.all(pc.starts_with(names, _IMAGES)).as_py()
    return (_from_images(names) if inside else names).combine_chunks()


def _originals(part: pa.Table) -> pa.ChunkedArray:
    """What images were called before they were packed, or are called."""
    return part.column(SOURCE if SOURCE in part.column_names else KEY).cast(pa.large_string())


def _from_images(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """The paths without a leading `images/`."""
    return pc.replace_substring_regex(names, f"^{_IMAGES}", "")


def _texts(names: pa.Array) -> Iterator[str]:
    for start in range(0, len(names), _AT_A_TIME):
        yield from names.slice(start, _AT_A_TIME).to_pylist()


def _pickled(names: Iterable[str]) -> Iterator[bytes]:
    """A pickled list, written as it comes: `pickle` would want all of it in memory."""
    yield pickle.PROTO + bytes([2]) + pickle.EMPTY_LIST + pickle.MARK
    for name in names:
        text = name.encode()
        yield pickle.BINUNICODE + pack("<I", len(text)) + text
    yield pickle.APPENDS + pickle.STOP
