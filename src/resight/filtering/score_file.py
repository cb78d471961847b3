"""The file of all scores: a manifest of the pool with a column for each score, written and read in parts."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from resight.data.columns import IMAGE, is_text
from resight.errors import DataError
from resight.files import whole_file
from resight.filtering.layout import KEY

_MARK = b"resight.scores"
_FORMAT = 1  # of what stands there
_ROWS_OF_A_GROUP = 1 << 16


class ScoreFile:
    """Scores of N images, read from their file when they are asked for.

    Args:
        path: of the file, `scores.parquet`.

    Raises:
        DataError: if there is no such file, it holds no scores, or it was altered since.

    columns: names of the scores. about: what they depend on, as plain values.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise DataError(f"{self.path}: expected a file of scores, but there is none; `resight filter` makes one")
        try:
            with pq.ParquetFile(self.path) as file:
                schema = file.schema_arrow
                self._rows = int(file.metadata.num_rows)
            content = json.loads((schema.metadata or {}).get(_MARK, b"null"))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{self.path}: expected a file of scores, but it cannot be read: {error}") from error
        if content is None:
            raise DataError(
                f"{self.path}: expected the scores.parquet that `resight filter` writes, but this Parquet file has no "
                "word of its scores; a list of kept images (kept.parquet) has not all rows, so take the file beside it"
            )
        self._names: list[str] = schema.names
        self._stored = _stored(content, schema, self.path)
        self.columns: tuple[str, ...] = tuple(self._stored)
        self.about: Mapping[str, Any] = content["about"]

    def __len__(self) -> int:
        return self._rows

    def scores(self, name: str) -> npt.NDArray[np.float32]:
        """One score of all rows, (N,) float32; NaN where the image is damaged.

        Raises:
            DataError: if there is no such score.
        """
        if name not in self._stored:
            raise DataError(f"{self.path} has no score {name!r}; it has {', '.join(self.columns)}")
        column = pq.read_table(self.path, columns=[self._stored[name]], partitioning=None).column(0)
        return column.cast(pa.float32(), safe=False).to_numpy()  # type: ignore[no-any-return]

    def keys(self, rows: npt.NDArray[np.int64]) -> pa.Array:
        """Keys of rows, whose numbers ascend."""
        chosen, first = [], 0
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows
                start, stop = np.searchsorted(rows, (first, last))
                if stop > start:
                    column = file.read_row_group(group, columns=[KEY]).column(0)
                    chosen.append(column.take(pa.array(rows[start:stop] - first)))
                first = last
        return pa.chunked_array(chosen, pa.large_string()).combine_chunks()

    def parts(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows, group by group; names: the columns to read, those of them that there are; None: all."""
        wanted = None if names is None else [name for name in names if name in self._names]
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=wanted)


def _stored(content: Any, schema: pa.Schema, path: Path) -> dict[str, str]:
    """The column in which each score stands, by the word that `write_scores` left.

    Raises:
        DataError: if word and columns do not go together.
    """
    again = "take it as `resight filter` wrote it, or score the pool again"
    if not isinstance(content, dict) or not isinstance(content.get("about"), dict):
        raise DataError(f"{path}: the word of its scores was altered; {again}")
    if content.get("format", _FORMAT) != _FORMAT:
        raise DataError(f"{path}: expected scores in format {_FORMAT}, came {content['format']!r}; update resight")
    columns, renamed = content.get("columns"), content.get("renamed", {})
    if not (isinstance(columns, list) and columns and isinstance(renamed, dict)):
        raise DataError(f"{path}: the names of its scores were altered; {again}")
    if not all(isinstance(name, str) for name in (*columns, *renamed.values())):
        raise DataError(f"{path}: expected text as names of its scores, came {columns} and {renamed}; {again}")
    stored = {str(name): str(renamed.get(name, name)) for name in columns}
    found = dict(zip(schema.names, schema.types, strict=True))
    texts = [name for name in (IMAGE, KEY) if name not in found or not is_text(found[name])]
    numbers = [name for name in stored.values() if name not in found or not pa.types.is_floating(found[name])]
    if texts or numbers:
        raise DataError(f"{path}: no column {', '.join(texts + numbers)} as it was written; {again}")
    return stored


def columns_beside(names: Sequence[str], own: Sequence[str]) -> dict[str, str]:
    """What the column of each score is called beside the pool's own columns, which stay as they are."""
    stored: dict[str, str] = {}
    for name in names:
        column = name
        while column in own or (column != name and column in (*names, *stored.values())):
            column = f"filter_{column}"
        stored[name] = column
    return stored


def write_scores(
    parts: Iterable[pa.Table],
    path: Path,
    *,
    columns: Sequence[str],
    about: Mapping[str, Any],
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Writes rows and their scores; the file appears complete or not at all.

    Args:
        parts: tables of equal columns, with `pool_key` and the scores.
        path: of the file.
        columns: names of the scores.
        about: plain values that they depend on.
        renamed: names of the columns of scores, where they are not the scores' own.
    """
    content = {"format": _FORMAT, "columns": list(columns), "renamed": dict(renamed or {}), "about": about}
    write_parts(parts, path, {_MARK: json.dumps(content).encode()})


def write_parts(parts: Iterable[pa.Table], path: Path, metadata: Mapping[bytes, bytes]) -> None:
    """Writes tables of equal columns to one Parquet file, which appears complete or not at all."""
    writer: pq.ParquetWriter | None = None
    with whole_file(path) as temporary:
        try:
            for part in parts:
                table = part.replace_schema_metadata(metadata)
                writer = writer or pq.ParquetWriter(str(temporary), table.schema, compression="zstd")
                if table.num_rows:
                    writer.write_table(table, row_group_size=_ROWS_OF_A_GROUP)
        finally:
            if writer is not None:
                writer.close()
