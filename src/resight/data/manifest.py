"""The manifest: the one table that everything else consumes, one row for each crop."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import BOX_COLUMNS, IMAGE, SPLITS, TYPES, conform, conform_column, share_text
from resight.data.image_paths import rebase
from resight.data.table_files import read_table, write_table
from resight.data.validation import Problem, missing_files, structural_problems
from resight.errors import DataError

_is_whole = re.compile(r"-?[0-9]+").fullmatch
Values: TypeAlias = Sequence[Any] | npt.NDArray[Any] | pa.Array | pa.ChunkedArray


class Manifest:
    """An Arrow table with one row for each crop, and the folder that its relative image paths start from.

    Immutable: every method returns a new manifest and the tables share their memory. Column types are those of
    `resight.data.columns`; columns that a manifest does not know are the user's own, and kept. A known column that is
    absent reads as null in every row.

    Args:
        table: has at least a column `image`. Known columns are brought to their types (whole-number identities become
            text, ISO times become seconds, empty text and NaN become null).
        root: folder of the relative image paths.

    Raises:
        DataError: if `image` is missing or a value cannot be brought to its column's type.
    """

    def __init__(self, table: pa.Table, root: str | Path) -> None:
        self._set(conform(table), _absolute(root))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Values], root: str | Path) -> "Manifest":
        """A manifest from columns of equal length, such as lists, numpy or Arrow arrays; None and NaN are null."""
        arrays = {name: _array(name, values) for name, values in columns.items()}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"columns must have equal lengths, came {lengths}")
        return cls(pa.table(arrays), root)

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """Read a .parquet or .csv file; relative images resolve against the file's folder.

        Raises:
            DataError: if the file cannot be read or the rows break a structural rule, see `validate`.
        """
        path = _absolute(path)
        try:
            manifest = cls(read_table(path), path.parent)
            manifest.require_valid()
        except DataError as error:
            prefix = "" if str(path) in str(error) else f"{path}: "
            raise DataError(f"{prefix}{error}") from error
        return manifest

    @classmethod
    def concat(cls, manifests: Sequence["Manifest"]) -> "Manifest":
        """The rows of all manifests, one after the other, with the first one's root.

        Columns that one of them lacks are null there; the user's own are text where one has them as text. Identities
        and cameras are kept as they are: where two data sets use the same names for different ones, rename them first
        (`with_column`).
        """
        if not manifests:
            raise DataError("Manifest.concat: expected at least one manifest, came none")
        root = manifests[0].root
        tables = [rebase(manifest.table, manifest.root, root) for manifest in manifests]
        try:
            table = pa.concat_tables(share_text(tables), promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(f"Manifest.concat: the manifests' own columns differ in type: {error}") from error
        return cls(table, root)

    def write(self, path: str | Path) -> None:
        """Write a .parquet or .csv file; it appears complete or not at all.

        Image paths are written relative to the file's folder where they lie inside it, absolute elsewhere.
        """
        path = _absolute(path)
        write_table(rebase(self._table, self._root, path.parent), path)

    @property
    def table(self) -> pa.Table:
        """The Arrow table. Do not rely on the number of its chunks."""
        return self._table

    @property
    def root(self) -> Path:
        """Absolute folder that relative image paths start from."""
        return self._root

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return Manifest, (self._table, self._root)

    def __repr__(self) -> str:
        return f"Manifest({len(self):,} rows, columns {', '.join(self._table.column_names)}, root {self._root})"

    def column(self, name: str) -> npt.NDArray[Any]:
        """One value for each row, (N,): text as object with None for null, `junk` as bool with False for null.

        Numbers of the known columns are float64 with NaN for null; the user's own come as Arrow converts them.
        A known column that is absent gives nulls.

        Raises:
            DataError: if there is no such column.
        """
        return _to_numpy(self._chunked(name))

    def image_path(self, row: int) -> Path:
        """Absolute path of the image of that row."""
        return self._root / str(self._table.column(IMAGE)[row].as_py())

    def box(self, row: int) -> tuple[float, float, float, float] | None:
        """(x, y, width, height) in pixels of the image, from its top left corner; None for the whole image."""
        if self._boxes is None:
            return None
        x, y, width, height = (column[row].as_py() for column in self._boxes)
        return None if x is None else (x, y, width, height)

    def select(self, rows: npt.ArrayLike) -> "Manifest":
        """The rows of a mask (N,) bool, or of integer positions in their order.

        Raises:
            DataError: if the mask has another length or a position lies outside 0..N-1.
        """
        chosen = np.asarray(rows)
        if chosen.size == 0 and chosen.dtype != np.bool_:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or not (chosen.dtype == np.bool_ or np.issubdtype(chosen.dtype, np.integer)):
            raise DataError(f"select: expected (N,) bool or integer positions, came {chosen.dtype} {chosen.shape}")
        if chosen.dtype == np.bool_:
            if len(chosen) != len(self):
                raise DataError(f"select: the mask has {len(chosen):,} entries, the manifest {len(self):,} rows")
            return self._with(self._table.filter(pa.array(chosen)))
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise DataError(f"select: positions must lie in 0..{len(self) - 1}, came {chosen.min()}..{chosen.max()}")
        return self._with(self._table.take(pa.array(chosen)))

    def split(self, name: str, *, keep_junk: bool = False) -> "Manifest":
        """The rows of `train`, `query` or `gallery`, without those that the data set marks as junk.

        Raises:
            DataError: if `name` is none of the three, or no row is left; the message lists the splits that exist.
        """
        if name not in SPLITS:
            raise DataError(f"split: expected one of {', '.join(SPLITS)}, came {name!r}")
        mask = self.codes("split", [name]) == 0
        chosen = mask if keep_junk else mask & ~self.column("junk")
        if not chosen.any():
            raise DataError(f"split {name!r} has no rows{' but junk' if mask.any() else ''}; {self._describe_splits()}")
        return self.select(chosen)

    def identities(self) -> list[str]:
        """Distinct identities of the rows that are not junk, ascending; as numbers where all are whole numbers."""
        return self.distinct("pid")

    def cameras(self) -> list[str]:
        """Distinct cameras of the rows that are not junk, ascending as in `identities`."""
        return self.distinct("camid")

    def views(self) -> list[str]:
        """Distinct views of the rows that are not junk, ascending as in `identities`."""
        return self.distinct("viewid")

    def distinct(self, name: str) -> list[str]:
        """Distinct values of a known text column in the rows that are not junk, ascending as in `identities`."""
        if name not in self._table.column_names:
            return []
        values = self._table.column(name)
        if "junk" in self._table.column_names:
            values = values.filter(pc.invert(pc.fill_null(self._table.column("junk"), False)))
        return sort_naturally(value for value in pc.unique(values).to_pylist() if value is not None)

    def codes(self, column: str, vocabulary: Sequence[str]) -> npt.NDArray[np.int64]:
        """Position of each row's value in `vocabulary`, (N,) int64; -1 for null and for values that it lacks."""
        if column not in self._table.column_names and column in TYPES:
            return np.full(len(self), -1, dtype=np.int64)
        words = pa.array(list(vocabulary), pa.string())
        values = self._chunked(column)
        if pa.types.is_dictionary(values.type):
            encoded = values.unify_dictionaries().combine_chunks()
            found = pc.index_in(encoded.dictionary.cast(pa.string()), value_set=words).fill_null(-1).to_numpy()
            return _look_up(np.append(found, -1).astype(np.int64), encoded)
        found = pc.index_in(values.cast(pa.string()), value_set=words)
        codes: npt.NDArray[np.int64] = found.fill_null(-1).to_numpy().astype(np.int64)
        return codes

    def with_column(self, name: str, values: Values) -> "Manifest":
        """The manifest with column `name` added or replaced by N values."""
        array = conform_column(name, _array(name, values))
        if len(array) != len(self):
            raise DataError(f"with_column {name!r}: expected {len(self):,} values, came {len(array):,}")
        if name in self._table.column_names:
            position = self._table.column_names.index(name)
            return self._with(self._table.set_column(position, name, array))
        return self._with(self._table.append_column(name, array))

    def validate(self, check_files: bool = False) -> list[Problem]:
        """Every rule that some rows break; empty for a good manifest.

        Rules: `image` is never null; `split` is known or null; boxes are complete, finite and not empty; times are
        finite; no two rows share image and box, except one query and one gallery row.

        Args:
            check_files: also look for each image on disk.
        """
        problems = structural_problems(self._table)
        return [*problems, *missing_files(self._table, self._root)] if check_files else problems

    def require_valid(self, check_files: bool = False) -> None:
        """Raise a DataError with all of `validate`'s problems, if there are any."""
        problems = self.validate(check_files)
        if problems:
            raise DataError("; ".join(map(str, problems)) + " (rows count from 0)")

    def _set(self, table: pa.Table, root: Path) -> None:
        self._table = table
        self._root = root
        has_boxes = all(name in table.column_names for name in BOX_COLUMNS)
        self._boxes = tuple(table.column(name) for name in BOX_COLUMNS) if has_boxes else None

    def _with(self, table: pa.Table) -> "Manifest":
        """A manifest over a table that needs no conforming, since it came from this one."""
        manifest = Manifest.__new__(Manifest)
        manifest._set(table, self._root)
        return manifest

    def _chunked(self, name: str) -> pa.ChunkedArray:
        if name in self._table.column_names:
            return self._table.column(name)
        if name in TYPES:
            return pa.chunked_array([pa.nulls(len(self), TYPES[name])])
        raise DataError(f"there is no column {name!r}; columns found: {', '.join(self._table.column_names)}")

    def _describe_splits(self) -> str:
        counts = [(name, int((self.codes("split", [name]) == 0).sum())) for name in SPLITS]
        found = ", ".join(f"{name} ({count:,} rows)" for name, count in counts if count)
        return f"splits found: {found}" if found else "no row has a split; make one with split_manifest"


def sort_naturally(values: Iterable[str]) -> list[str]:
    """Ascending: as numbers where every value is a whole number, as text otherwise."""
    listed = list(values)
    if all(map(_is_whole, listed)):
        return sorted(listed, key=lambda value: (int(value), value))
    return sorted(listed)


def _absolute(path: str | Path) -> Path:
    # Not Path.resolve: a data set behind a symbolic link stays at the place where the user sees it.
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100


def _array(name: str, values: Values) -> pa.ChunkedArray:
    try:
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, from_pandas=True)
    except UnicodeEncodeError as error:  # so the system gives names of files that are not UTF-8
        came = f"came {error.object!r}; rename the file or folder of that name"
        raise DataError(f"column {name!r}: expected names in UTF-8, {came}") from error
    except (pa.ArrowException, TypeError) as error:
        raise DataError(f"column {name!r}: expected values of one kind, {error}") from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _to_numpy(values: pa.ChunkedArray) -> npt.NDArray[Any]:
    if pa.types.is_dictionary(values.type):
        encoded = values.unify_dictionaries().combine_chunks()
        words = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
        return _look_up(words, encoded)
    if pa.types.is_boolean(values.type) and values.null_count:
        values = pc.fill_null(values, False)
    if pa.types.is_floating(values.type) and values.null_count:
        values = pc.fill_null(values, float("nan"))
    array: npt.NDArray[Any] = values.to_numpy()
    return array


def _look_up(per_word: npt.NDArray[Any], encoded: pa.Array) -> npt.NDArray[Any]:
    """`per_word` (words + 1,) for each row of a dictionary array, its last entry where the row is null."""
    values: npt.NDArray[Any] = per_word[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return values
