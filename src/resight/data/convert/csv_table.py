"""Any CSV or Parquet table with one row for each crop, whatever its columns are called."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from resight.data.columns import TYPES
from resight.data.manifest import Manifest
from resight.data.table_files import read_table
from resight.errors import DataError


def csv_table(
    file: str | Path, *, columns: Mapping[str, str] | None = None, root: str | Path | None = None
) -> Manifest:
    """Manifest of a .csv or .parquet table; columns that a manifest does not know are kept.

    Args:
        file: the table.
        columns: manifest column -> column of the file, such as `{"image": "path", "pid": "identity"}`. Columns that
            already have the manifest's names need no entry.
        root: folder that relative image paths start from; the file's own folder if None.

    Raises:
        DataError: if the mapping names an unknown column, the file lacks one, or the rows are not valid.
    """
    table, folder = open_table(file, columns, root)
    try:
        manifest = Manifest(table, folder)
        manifest.require_valid()
    except DataError as error:
        raise DataError(f"{Path(file).expanduser()}: {error}") from error
    return manifest


def open_table(
    file: str | Path, columns: Mapping[str, str] | None, root: str | Path | None
) -> tuple[pa.Table, str | Path]:
    """The table under the manifest's column names, its rows as they are, and the folder of its relative images.

    Args:
        file: as in `csv_table`; so are `columns` and `root`.
        columns: manifest column -> column of the file.
        root: folder, or None.

    Raises:
        DataError: if the file cannot be read, or the mapping names an unknown column or one that the file lacks.
    """
    unknown = sorted(set(columns or {}) - set(TYPES))
    if unknown:
        raise DataError(f"columns: a manifest has no column {', '.join(unknown)}; it has {', '.join(TYPES)}")
    path = Path(file).expanduser()
    try:
        return read_table(path, columns), path.parent if root is None else root
    except DataError as error:
        raise DataError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
