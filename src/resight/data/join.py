"""Several data sets as one, with identities and cameras that no two of them share."""

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import plain_text
from resight.data.manifest import Manifest
from resight.errors import DataError

COLUMN = "dataset"
_NAMES = ("pid", "camid", "trackid")


def join(sets: Mapping[str, Manifest], *, test: Collection[str] | None = None) -> Manifest:
    """The rows of all sets, one after the other, with a column `dataset` that says which set each comes from.

    Identities, cameras and tracks become `set/name`, as `market/0002`; where they are whole numbers they get leading
    zeros, so that their order stays that of the numbers. Splits, boxes, views and all other columns stay as they are;
    columns that a set lacks are null in its rows. The root is that of the first set.

    Args:
        sets: name -> manifest; two or more. A set that has a column `dataset` already gets names `set/dataset` there.
        test: names of the sets that keep their query and gallery rows; None: all keep them.

    Raises:
        DataError: if there are fewer than two sets, a name holds a slash or is empty, `test` names another, columns of
            the same name differ in type, or two sets hold the same crop.
    """
    if len(sets) < 2:
        raise DataError(f"join: expected two data sets or more, came {len(sets)}")
    for name in sets:
        if not name or "/" in name:
            raise DataError(f"join: a data set's name must not be empty or hold a slash, came {name!r}")
    unknown = sorted(set(test or ()) - set(sets))
    if unknown:
        raise DataError(f"join: there is no data set {', '.join(unknown)} to test on; there are {', '.join(sets)}")
    parts = []
    for name, manifest in sets.items():
        if test is not None and name not in test:
            manifest = manifest.select(manifest.codes("split", ["query", "gallery"]) < 0)
        parts.append(_marked(manifest, name))
    joined = Manifest.concat(parts)
    try:
        joined.require_valid()
    except DataError as error:
        raise DataError(f"join of {', '.join(sets)}: do two of them hold the same crop? {error}") from error
    return joined


def _marked(manifest: Manifest, name: str) -> Manifest:
    for column in _NAMES:
        if column in manifest.table.column_names:
            manifest = manifest.with_column(column, _prefixed(manifest, column, name))
    if COLUMN in manifest.table.column_names:
        return manifest.with_column(COLUMN, _prefixed(manifest, COLUMN, name))
    return manifest.with_column(COLUMN, np.full(len(manifest), name, dtype=object))


def _prefixed(manifest: Manifest, column: str, name: str) -> pa.ChunkedArray:
    values = plain_text(manifest.table.column(column)).cast(pa.string())
    known = [value for value in pc.unique(values).to_pylist() if value is not None]
    if all(value.isascii() and value.isdigit() for value in known):
        width = max(map(len, known), default=0)
        values = pc.utf8_lpad(values, width, "0")
    return pc.binary_join_element_wise(pa.scalar(f"{name}/"), values, pa.scalar(""))
