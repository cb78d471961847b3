"""Reading a table in order to check it: what stops every other command becomes a finding here."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from resight.data.columns import IMAGE, TYPES, conform_column
from resight.data.convert.csv_table import open_table
from resight.data.finding import Finding
from resight.data.manifest import Manifest
from resight.errors import DataError


def read_to_check(
    file: str | Path, *, columns: Mapping[str, str] | None = None, root: str | Path | None = None
) -> tuple[Manifest, list[Finding]]:
    """A manifest of whatever the table holds, and what is wrong with the columns that had to be left out.

    Rows are not validated; `resight.data.check.check` does that and turns it into findings, too.

    Args:
        file: .csv or .parquet.
        columns: manifest column -> column of the file, as in the converter `csv_table`.
        root: folder of the relative images; the file's own folder if None.

    Raises:
        DataError: if the file cannot be read, or there is no column of images, so nothing can be checked.
    """
    table, folder = open_table(file, columns, root)
    kept: dict[str, pa.ChunkedArray] = {}
    findings = list(_fill(kept, table))
    try:
        return Manifest(pa.table(kept), folder), findings
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def _fill(kept: dict[str, pa.ChunkedArray], table: pa.Table) -> Iterator[Finding]:
    """Put the good columns into `kept`; a finding for each of the others."""
    for position, name in enumerate(table.column_names):
        if name in kept:
            message = f"column named {name!r} comes after another one of that name and is not looked at; rename it"
            yield Finding("structure", "error", message, 1, ())
            continue
        values = table.column(position)
        try:
            kept[name] = conform_column(name, values) if name in TYPES else values
        except DataError as error:
            if name == IMAGE:
                kept[name] = values  # Manifest says what is wrong with it: nothing can be checked
            else:
                yield Finding("structure", "error", f"unreadable column, which is left out here: {error}", 1, ())
