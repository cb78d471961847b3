"""What a published list calls the images of a pool: files below one folder, whatever they are packed in now."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.image_files import INSIDE_MARK
from resight.data.path_spelling import ABSOLUTE
from resight.data.pool import Pool
from resight.data.row_hash import Hashes, repeated, text_hashes
from resight.data.shards.originals import SOURCE, original_images
from resight.errors import DataError
from resight.filtering.pool_rows import table_parts
from resight.filtering.score_file import ScoreFile

_IMAGES = "images/"  # LUPerson's crops: LUP/images/...
_BOXES = (BOX_COLUMNS[0], f"source_{BOX_COLUMNS[0]}")  # of the images, and of what was packed
_TEXT = pa.large_string()


@dataclass(frozen=True, eq=False)
class ListNames:
    """Where a pool's N images are on the disk, or were before they were packed.

    Whole paths of millions of images are half a gigabyte, so they are read anew, in parts, whenever they are needed.

    paths: gives them in parts, all absolute or all relative. common: the lowest folder that holds all, with `/` at its
    end. example: the first path.
    """

    paths: Callable[[], Iterable[pa.ChunkedArray]]
    common: str
    example: str

    def names(self) -> pa.Array:
        """(N,) paths for a list, from the folder `images` on; where none holds all, from the lowest folder that does.

        Relative ones without such a folder (of shards packed from a folder) stay as they are.
        """
        return self._below(self._folder())

    def places(self, listed: pa.Array) -> pa.Array:
        """(N,) int32, where each image stands in a list of distinct paths; null: nowhere.

        The folder that the list starts from is not said in it: the one that finds the most images counts, and only
        where it does not find all, the folder `images` that all listed paths may begin with is left away.
        """
        above = [self.common[:end] for end in range(len(self.common) + 1) if f"/{self.common}"[end] == "/"]
        folders = list(dict.fromkeys([self._folder(), self.common + _IMAGES, *reversed(above)]))
        best: pa.Array | None = None
        for texts in (listed, _below(listed, _images_folder(_common_folder(_ends(listed))))):
            for folder in folders:
                found = pc.index_in(self._below(folder), value_set=texts)
                if best is None or found.null_count < best.null_count:
                    best = found
                if len(found) - found.null_count == min(len(found), len(listed)):
                    return best
        return best

    def _folder(self) -> str:
        is_absolute = pc.match_substring_regex(self.example, ABSOLUTE).as_py()
        return _images_folder(self.common) or (self.common if is_absolute else "")

    def _below(self, folder: str) -> pa.Array:
        chunks = [chunk for part in self.paths() for chunk in _below(part, folder).chunks]
        return pa.chunked_array(chunks, _TEXT).combine_chunks()


def names_of_pool(pool: Pool) -> ListNames:
    """What a list calls the images of a pool.

    Raises:
        DataError: if a list cannot name them: they are boxes in images, lie in an LMDB or in tars of other code, or two
            would have one name.
    """
    root = Path("/").absolute()
    return _looked_at(lambda: (_paths(part, root) for part in table_parts(pool, root)))


def names_of_scores(scores: ScoreFile) -> ListNames:
    """What a list calls the images that were scored.

    Raises:
        DataError: as `names_of_pool` does.
    """
    root = scores.path.absolute().parent
    return _looked_at(lambda: (_paths(part, root) for part in scores.parts((IMAGE, SOURCE, *_BOXES))))


def _looked_at(paths: Callable[[], Iterable[pa.ChunkedArray]]) -> ListNames:
    rows = absolute = 0
    ends: list[str] = []
    hashes: list[Hashes] = []
    example = ""
    for part in paths():
        if len(part):
            example = example or part[0].as_py()
            ends += _ends(part)
            hashes += [text_hashes(chunk) for chunk in part.chunks]
            rows += len(part)
            absolute += pc.sum(pc.match_substring_regex(part, ABSOLUTE)).as_py()
    if absolute not in (0, rows):
        raise _unlisted("some of the paths that they had before packing are absolute, others relative")
    _require_distinct(paths, repeated(np.concatenate(hashes)))
    return ListNames(paths, _common_folder(ends), example)


def _require_distinct(paths: Callable[[], Iterable[pa.ChunkedArray]], suspects: npt.NDArray[np.int64]) -> None:
    """Raises DataError if some of these rows have the same path."""
    if not len(suspects):
        return
    chunks: list[pa.Array] = []
    first = 0
    for part in paths():
        start, stop = np.searchsorted(suspects, (first, first + len(part)))
        chunks += part.take(pa.array(suspects[start:stop] - first)).chunks
        first += len(part)
    found = pc.value_counts(pa.chunked_array(chunks, _TEXT))
    twice = found.field("values").filter(pc.greater(found.field("counts"), 1))
    if len(twice):
        raise _unlisted(f"{len(twice):,} paths stand for more than one, such as {twice[0].as_py()!r}")


def _paths(part: pa.Table, root: Path) -> pa.ChunkedArray:
    """The paths of a part; those of files are made absolute."""
    if any(name in part.column_names and part.column(name).null_count < part.num_rows for name in _BOXES):
        raise _unlisted("these are boxes in images")
    images = part.column(IMAGE).cast(_TEXT)
    start = pa.scalar(root.as_posix().rstrip("/"), _TEXT)
    joined = pc.binary_join_element_wise(start, images, pa.scalar("/", _TEXT))
    absolute = pc.if_else(pc.match_substring_regex(images, ABSOLUTE), images, joined)
    paths = original_images(part.set_column(part.column_names.index(IMAGE), IMAGE, absolute))
    inside = paths.filter(pc.match_substring_regex(paths, INSIDE_MARK))
    if len(inside):
        raise _unlisted(f"these lie in other files, such as {inside[0].as_py()!r}")
    return paths


def _unlisted(reason: str) -> DataError:
    return DataError(
        f"a list names image files, which it cannot do for the images of this pool: {reason}; keep kept.parquet "
        "instead of a list, or filter the folder of image files, a manifest of it, or shards of either"
    )


def _ends(texts: pa.ChunkedArray) -> tuple[str, str]:
    """The first and the last in the alphabet: what both begin with all do."""
    extremes = pc.min_max(texts)
    return extremes["min"].as_py(), extremes["max"].as_py()


def _common_folder(paths: Sequence[str]) -> str:
    """The lowest folder that all paths begin with, with `/` at its end; empty where there is none."""
    shared = os.path.commonprefix(paths)  # noqa: RUF071 (cut to a folder in the next line)
    return shared[: shared.rfind("/") + 1]


def _images_folder(folder: str) -> str:
    """The part of a folder up to its last `images/`; empty where there is none."""
    place = f"/{folder}".rfind(f"/{_IMAGES}")
    return "" if place < 0 else folder[: place + len(_IMAGES)]


def _below(paths: pa.ChunkedArray, folder: str) -> pa.ChunkedArray:
    """The paths from a folder on; null where one does not lie in it."""
    if not folder:
        return paths
    return pc.if_else(
        pc.starts_with(paths, folder), pc.utf8_slice_codeunits(paths, len(folder)), pa.scalar(None, _TEXT)
    )
