"""The file of all scores: a manifest of the pool with a column for each score, written and read in parts."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from resight.data.image_paths import rebase
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.files import whole_file
from resight.filtering.layout import KEY

_MARK = b"resight.scores"
_ROWS_OF_A_GROUP = 1 << 16
Mask = npt.NDArray[np.bool_]


class ScoreFile:
    """Scores of N images, read from their file when they are asked for.

    Args:
        path: of the file, `scores.parquet`.

    Raises:
        DataError: if there is no such file, or it holds no scores.

    columns: names of the scores. about: what they depend on, as plain values.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise DataError(f"{self.path}: expected a file of scores, but there is none; `resight filter` makes one")
        try:
            with pq.ParquetFile(self.path) as file:
                metadata = file.schema_arrow.metadata or {}
                self._names: list[str] = file.schema_arrow.names
                self._rows = int(file.metadata.num_rows)
            content = json.loads(metadata.get(_MARK, b"null"))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{self.path}: expected a file of scores, but it cannot be read: {error}") from error
        if content is None:
            raise DataError(
                f"{self.path}: expected the scores.parquet that `resight filter` writes, but this Parquet file has no "
                "word of its scores; a list of kept images (kept.parquet) has not all rows, so take the file beside it"
            )
        self.columns: tuple[str, ...] = tuple(content["columns"])
        self.about: Mapping[str, Any] = content["about"]

    def __len__(self) -> int:
        return self._rows

    def scores(self, name: str) -> npt.NDArray[np.float32]:
        """One score of all rows, (N,) float32; NaN where the image is damaged.

        Raises:
            DataError: if there is no such score.
        """
        return self._column(name).cast(pa.float32(), safe=False).to_numpy()  # type: ignore[no-any-return]

    def codes(self, name: str) -> npt.NDArray[np.int64]:
        """A score that is a whole number, (N,) int64; 0 where the image is damaged.

        Raises:
            DataError: if there is no such score.
        """
        return self._column(name).fill_null(0).to_numpy()  # type: ignore[no-any-return]

    def keys(self, rows: npt.NDArray[np.int64]) -> pa.Array:
        """Keys of rows, whose numbers ascend."""
        chosen = [part.column(0).take(pa.array(places)) for places, part in self._parts(rows, [KEY])]
        return pa.chunked_array(chosen, pa.large_string()).combine_chunks()

    def manifest(self, rows: npt.NDArray[np.int64]) -> Manifest:
        """All that is known of some rows, in their order, with key and scores."""
        ordered, back = np.unique(rows, return_inverse=True)
        parts = [part.take(pa.array(places)) for places, part in self._parts(ordered, self._names)]
        table = pa.concat_tables(parts) if parts else self._empty()
        return Manifest(table.take(pa.array(back)), Path(self.path).absolute().parent)

    def parts(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows, group by group; names: the columns to read, those of them that there are; None: all."""
        wanted = None if names is None else [name for name in names if name in self._names]
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=wanted)

    def _column(self, name: str) -> pa.ChunkedArray:
        if name not in self.columns:
            raise DataError(f"{self.path} has no score {name!r}; it has {', '.join(self.columns)}")
        return pq.read_table(self.path, columns=[name], partitioning=None).column(0)

    def _parts(
        self, rows: npt.NDArray[np.int64], names: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], pa.Table]]:
        """Groups that hold some of the ascending rows, and these rows' places in them."""
        first = 0
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows
                start, stop = np.searchsorted(rows, (first, last))
                if stop > start:
                    yield rows[start:stop] - first, file.read_row_group(group, columns=list(names))
                first = last

    def _empty(self) -> pa.Table:
        with pq.ParquetFile(self.path) as file:
            return file.schema_arrow.empty_table()


def write_scores(
    parts: Iterable[pa.Table],
    path: Path,
    *,
    columns: Sequence[str],
    about: Mapping[str, Any],
) -> None:
    """Writes rows and their scores; the file appears complete or not at all.

    Args:
        parts: tables of equal columns, with `pool_key` and the scores.
        path: of the file.
        columns: names of the scores.
        about: plain values that they depend on.
    """
    with _writer(path, {_MARK: json.dumps({"columns": list(columns), "about": about}).encode()}) as write:
        for part in parts:
            write(part)


def write_rows(scores: ScoreFile, kept: Mask, path: Path) -> None:
    """Writes the manifest of the rows that are kept, in their order, with their scores.

    Args:
        scores: of N rows.
        kept: (N,).
        path: of a Parquet file in the folder of the scores, or in another one.
    """
    first = 0
    old, new = scores.path.absolute().parent, path.absolute().parent
    with _writer(path, None) as write:
        for part in scores.parts():
            write(rebase(part.filter(pa.array(kept[first : first + part.num_rows])), old, new))
            first += part.num_rows


@contextmanager
def _writer(path: Path, metadata: Mapping[bytes, bytes] | None) -> Iterator[Callable[[pa.Table], None]]:
    """A function that adds a table to a Parquet file of tables of equal columns."""
    writer: pq.ParquetWriter | None = None
    with whole_file(path) as temporary:

        def write(table: pa.Table) -> None:
            nonlocal writer
            if writer is None:
                schema = table.schema.with_metadata(metadata)
                writer = pq.ParquetWriter(str(temporary), schema, compression="zstd")
            if table.num_rows:
                writer.write_table(table.replace_schema_metadata(metadata), row_group_size=_ROWS_OF_A_GROUP)

        try:
            yield write
        finally:
            if writer is not None:
                writer.close()
