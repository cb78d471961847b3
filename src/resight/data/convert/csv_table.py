"""Any CSV or Parquet table with one row for each crop, whatever its columns are called."""

from collections.abc import Mapping
from pathlib import Path

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
    unknown = sorted(set(columns or {}) - set(TYPES))
    if unknown:
        raise DataError(f"columns: a manifest has no column {', '.join(unknown)}; it has {', '.join(TYPES)}")
    path = Path(file).expanduser()
    try:
        manifest = Manifest(read_table(path, columns), path.parent if root is None else root)
        manifest.require_valid()
    except DataError as error:
        raise DataError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    return manifest
