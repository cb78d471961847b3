"""The lists that TransReID-SSL published: image paths as a pickle, the highest score first. Written and read."""

import logging
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import pack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.convert.lists import require_listed_once
from resight.data.convert.luperson import read_list
from resight.data.pool import Pool
from resight.errors import DataError
from resight.files import file_sha256, whole_file
from resight.filtering.layout import KEY, SCORES
from resight.filtering.list_names import names_of_pool, names_of_scores
from resight.filtering.pool_rows import pool_fingerprint, table_parts
from resight.filtering.score_file import ScoreFile, columns_beside, write_scores

LISTED = "listed"
_AT_A_TIME = 1000
_SHOWN = 5  # names in a message

_logger = logging.getLogger(__name__)


def write_list(scores: ScoreFile, values: np.ndarray, path: Path) -> int:
    """Writes all scored images, the highest score first; of equal ones the lowest key first, as the choice does.

    Args:
        scores: of N images; what they are called see `resight.filtering.list_names`.
        values: (N,) score to sort by, NaN where a row has none.
        path: of a pickle (.pkl), or of a text with a path on each line (.txt).

    Returns:
        How many are listed.

    Raises:
        DataError: if the suffix is another one, or a list cannot name the images.
    """
    require_list_name(path)
    order = _order(scores, values)
    texts = _texts(names_of_scores(scores).names(), order)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".txt":
            file.writelines(f"{name}\n".encode() for name in texts)
        else:
            file.writelines(_pickled(texts))
    return len(order)


def require_list_name(path: Path) -> None:
    """Raises DataError if a list cannot be called that."""
    if path.suffix not in (".pkl", ".txt"):
        raise DataError(f"{path}: a list ends in .pkl or .txt, came {path.suffix or 'no suffix'!r}")


def score_by_list(pool: Pool, path: Path, folder: Path) -> ScoreFile:
    """Scores of a pool from a list, in `scores.parquet`: `listed`, the higher the earlier in the list.

    Args:
        pool: the images; those that are not listed have no score. Listed ones that it lacks are logged.
        path: of the list, see `write_list`.
        folder: where to write.

    Raises:
        DataError: if the list cannot be read, names an image twice, or names not one image of the pool; or if a list
            cannot name the pool's images.
    """
    names = names_of_pool(pool)
    listed = _listed(path)
    places = names.places(listed)
    found = len(places) - places.null_count
    if not found:
        raise DataError(
            f"{path}: not one image of the pool is in the list; its first: {listed[0]}; the pool's: {names.example}"
        )
    _tell_missing(path, listed, places)
    content = {"scorer": LISTED, "list": path.name, "sha256": file_sha256(path), "images": len(listed)}
    scores = pc.subtract(len(listed), places).cast(pa.float32())

    renamed = columns_beside((LISTED,), next(table_parts(pool, folder.absolute())).column_names)

    def parts() -> Iterator[pa.Table]:
        first = 0
        for part in table_parts(pool, folder.absolute()):
            yield part.append_column(renamed[LISTED], scores.slice(first, part.num_rows))
            first += part.num_rows

    about = {"pool": pool_fingerprint(pool), "scorers": [content]}
    write_scores(parts(), folder / SCORES, columns=(LISTED,), about=about, renamed=renamed)
    return ScoreFile(folder / SCORES)


def _listed(path: Path) -> pa.Array:
    listed = read_list(path)
    require_listed_once(path, listed)
    return pa.array(listed, pa.large_string())


def _tell_missing(path: Path, listed: pa.Array, places: pa.Array) -> None:
    is_missing = np.ones(len(listed), dtype=bool)
    is_missing[places.drop_null().to_numpy()] = False
    missing = np.flatnonzero(is_missing)
    if len(missing):
        _logger.warning(
            "%s: %s of %s listed images are not in the pool, such as %s; is it the whole pool that the list is about?",
            path,
            f"{len(missing):,}",
            f"{len(listed):,}",
            ", ".join(listed.take(pa.array(missing[:_SHOWN])).to_pylist()),
        )


def _order(scores: ScoreFile, values: np.ndarray) -> np.ndarray:
    """Rows with a score, the highest first, of equal ones the lowest key first."""
    keys = [chunk for part in scores.parts((KEY,)) for chunk in part.column(KEY).chunks]
    by_key = pc.sort_indices(pa.chunked_array(keys)).to_numpy()
    by_key = by_key[~np.isnan(values[by_key])]
    order: np.ndarray = by_key[np.argsort(-values[by_key], kind="stable")]
    return order


def _texts(names: pa.Array, order: np.ndarray) -> Iterator[str]:
    """The names in that order; a copy of all would be as large as they are."""
    for start in range(0, len(order), _AT_A_TIME):
        yield from names.take(pa.array(order[start : start + _AT_A_TIME])).to_pylist()


def _pickled(names: Iterable[str]) -> Iterator[bytes]:
    """A pickled list, written as it comes: `pickle` would want all of it in memory."""
    yield pickle.PROTO + bytes([2]) + pickle.EMPTY_LIST + pickle.MARK
    for name in names:
        text = name.encode()
        yield pickle.BINUNICODE + pack("<I", len(text)) + text
    yield pickle.APPENDS + pickle.STOP
