"""Tables on disk: Parquet and CSV files to Arrow and back, with errors that say what is wrong with the file."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from resight.data.columns import IMAGE, TEXT_COLUMNS, plain_text
from resight.errors import DataError
from resight.files import whole_file

SUFFIXES = (".parquet", ".csv")


def read_table(path: Path, names: Mapping[str, str] | None = None) -> pa.Table:
    """The table in a Parquet or CSV file, columns as written there.

    In a CSV every column is read as text, so that what a manifest does not know, such as a number plate `0012`, is
    written again as it was. An empty cell is null. UTF-8, with or without byte order mark, separated by commas.

    Args:
        path: the file; its suffix, .parquet or .csv, decides.
        names: manifest column -> column of the file, where the file uses other names; these columns are renamed.

    Raises:
        DataError: if the file is missing, of another kind, empty or broken, or lacks one of the named columns.
    """
    kind = _suffix(path)
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        raise DataError(f"{path}: expected a manifest file, but {what}; check the path")
    wanted = {IMAGE: IMAGE, **(names or {})}
    try:
        table = _read_parquet(path, wanted) if kind == ".parquet" else _read_csv(path, wanted)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as {kind[1:].upper()}: {error}") from error
    return table


def write_table(table: pa.Table, path: Path) -> None:
    """Write the table as Parquet or CSV, by suffix. The file appears complete or not at all.

    Raises:
        DataError: if the suffix is another one, the folder is missing, or a CSV cannot hold a column's type.
    """
    kind = _suffix(path)
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist; create it first")
    if kind == ".csv":
        table = _flat(table, path)
        with whole_file(path) as temporary:
            pa_csv.write_csv(table, str(temporary))
    else:
        with whole_file(path) as temporary:
            pq.write_table(table, str(temporary), compression="zstd")


def _suffix(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise DataError(f"{path}: a manifest ends in {' or '.join(SUFFIXES)}, came {path.suffix or 'no suffix'!r}")
    return kind


def _read_parquet(path: Path, wanted: Mapping[str, str]) -> pa.Table:
    found = pq.read_schema(path).names
    _require_columns(path, found, wanted)
    encoded = [wanted.get(name, name) for name in TEXT_COLUMNS]
    with pq.ParquetFile(path, read_dictionary=[name for name in encoded if name in found]) as file:
        return _rename(file.read(), wanted)


def _read_csv(path: Path, wanted: Mapping[str, str]) -> pa.Table:
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), [])
    _require_columns(path, header, wanted)
    as_text = dict.fromkeys(header, pa.string())
    table = pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(column_types=as_text, null_values=[""], strings_can_be_null=True),
    )
    return _rename(table, wanted)


def _require_columns(path: Path, found: Collection[str], wanted: Mapping[str, str]) -> None:
    missing = [source for source in wanted.values() if source not in found]
    if not missing:
        return
    text = ", ".join(found) if found else "none, the file is empty"
    hint = ""
    if len(found) == 1 and any(mark in next(iter(found)) for mark in (";", "\t")):
        hint = "; the file seems to be separated by semicolons or tabs: save it with commas"
    raise DataError(f"{path}: expected a column {', '.join(map(repr, missing))}; columns found: {text}{hint}")


def _rename(table: pa.Table, wanted: Mapping[str, str]) -> pa.Table:
    back = {source: name for name, source in wanted.items()}
    if len(back) < len(wanted):
        raise DataError(f"a column of the file can stand for one column of the manifest only, came {dict(wanted)}")
    taken = [name for name in back.values() if name in table.column_names and name not in back]
    if taken:
        pairs = ", ".join(f"{wanted[name]!r} for {name!r}" for name in taken)
        raise DataError(f"the mapping takes {pairs}, but the file has a column of that name too; rename one of them")
    return table.rename_columns([back.get(name, name) for name in table.column_names])


def _flat(table: pa.Table, path: Path) -> pa.Table:
    for position, name in enumerate(table.column_names):
        column = plain_text(table.column(position))
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            raise DataError(f"{path}: a CSV cannot hold column {name!r} of type {column.type}; write .parquet instead")
        table = table.set_column(position, name, column)
    return table
