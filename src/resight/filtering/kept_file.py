"""The manifest of the images that are kept; it says what scores it is from, so that no other choice is lost to it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from resight.data.image_paths import rebase
from resight.filtering.score_file import ScoreFile, write_parts

_MARK = b"resight.kept_from"


def write_kept_rows(scores: ScoreFile, kept: npt.NDArray[np.bool_], path: Path) -> None:
    """Writes the rows that are kept, in their order, with their scores.

    Args:
        scores: of N rows.
        kept: (N,), one of them True or more.
        path: of a Parquet file in the folder of the scores, or in another one.
    """
    old, new = scores.path.absolute().parent, path.absolute().parent

    def parts() -> Iterator[pa.Table]:
        first = 0
        for part in scores.parts():
            yield rebase(part.filter(pa.array(kept[first : first + part.num_rows])), old, new)
            first += part.num_rows

    write_parts(parts(), path, {_MARK: _identity(scores)})


def is_kept_from(path: Path, scores: ScoreFile) -> bool:
    """Whether a file was written by `write_kept_rows` from these scores, wherever they lie now."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return metadata.get(_MARK) == _identity(scores)


def _identity(scores: ScoreFile) -> bytes:
    """Scores of the same images by the same nets or list have the same one."""
    about = json.dumps([len(scores), scores.columns, dict(scores.about)], sort_keys=True)
    return hashlib.blake2b(about.encode(), digest_size=16).hexdigest().encode()
