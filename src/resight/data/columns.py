"""The columns of a manifest: their names, their types, and how any Arrow column is brought to its type.

Text that repeats (identity, camera, view, split, track) is dictionary encoded: four bytes for each row, and every
comparison runs over the few distinct values. `image` is plain text with 64 bit offsets, so no length is too long.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from resight.data.path_spelling import plain_paths
from resight.errors import DataError

IMAGE = "image"
TEXT_COLUMNS = ("pid", "camid", "viewid", "split", "trackid")
BOX_COLUMNS = ("box_x", "box_y", "box_w", "box_h")
SPLITS = ("train", "query", "gallery")

ENCODED_TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES: dict[str, pa.DataType] = {
    IMAGE: pa.large_string(),
    **dict.fromkeys(TEXT_COLUMNS, ENCODED_TEXT),
    "junk": pa.bool_(),
    **dict.fromkeys(BOX_COLUMNS, pa.float64()),
    "time": pa.float64(),
}

_WHOLE = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_A_NUMBER = r"^[+-]?(nan|NaN|NAN)$"
_ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
_ZONE = r"(Z|:.*[+-][0-9]{2}:?[0-9]{2})$"


def conform(table: pa.Table) -> pa.Table:
    """`table` with every column of a manifest in its type; other columns as they came.

    Raises:
        DataError: if there is no column `image`, a name comes twice, or values cannot be brought to the column's type;
            the message names the first such rows.
    """
    names = list(table.column_names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"column names must be distinct, but {', '.join(map(repr, twice))} came more than once; rename")
    if IMAGE not in names:
        found = ", ".join(names) if names else "none"
        raise DataError(f"a manifest needs a column 'image' with the path of each image; columns found: {found}")
    for position, name in enumerate(names):
        if name in TYPES:
            table = table.set_column(position, name, conform_column(name, table.column(position)))
    return table.replace_schema_metadata(None)


def conform_column(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in the type that a manifest gives to `name`; empty text and NaN become null.

    Image paths get one spelling, see `plain_paths`. Columns that a manifest does not know come back as they are.
    """
    if name == IMAGE:
        return plain_paths(_to_text(name, values))
    if name in TEXT_COLUMNS:
        return _to_text(name, values)
    if name == "junk":
        return _to_bool(name, values)
    if name == "time":
        return _without_nan(_to_seconds(name, values))
    if name in BOX_COLUMNS:
        return _without_nan(_to_float(name, values))
    return values


def rows_text(rows: list[int], values: list[object], total: int) -> str:
    """The first bad rows for a message: `'a' (row 3), 'b' (row 9) and 5 more`."""
    shown = ", ".join(f"{value!r} (row {row})" for row, value in zip(rows, values, strict=True))
    return shown + (f" and {total - len(rows):,} more" if total > len(rows) else "")


def plain_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dictionary encoded text as plain text; anything else as it is."""
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def is_text(kind: pa.DataType) -> bool:
    """True for every kind of Arrow text that is not dictionary encoded."""
    is_view = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or is_view(kind))


def share_text(tables: Iterable[pa.Table]) -> list[pa.Table]:
    """The tables, with each of the user's own columns as text in all of them where it is text in one.

    A CSV file gives the user's own columns as text; a Parquet file may hold numbers under the same name. What has no
    text, such as lists, stays as it is.
    """
    tables = list(tables)
    fields = [field for table in tables for field in table.schema if field.name not in TYPES]
    texts = {field.name for field in fields if is_text(field.type)}
    return [_with_text(table, texts) for table in tables]


def _with_text(table: pa.Table, names: Iterable[str]) -> pa.Table:
    for position, name in enumerate(table.column_names):
        column = plain_text(table.column(position))
        if name in names and not is_text(column.type) and not pa.types.is_nested(column.type):
            column = column.cast(pa.string())
        if name in names:
            table = table.set_column(position, name, column)
    return table


def _to_text(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    target = TYPES[name]
    if values.type == ENCODED_TEXT == target:
        array = values.unify_dictionaries().combine_chunks()
        has_empty = pc.index(array.dictionary, "").as_py() >= 0
        if not has_empty and array.dictionary.null_count == 0:
            return pa.chunked_array([array], type=target)
    plain = plain_text(values)
    kind = plain.type
    if pa.types.is_floating(kind):  # whole numbers with gaps, as pandas writes them: 12.0, NaN
        plain = _without_nan(plain)
        _require(name, plain, pc.equal(pc.floor(plain), plain), "text or whole numbers")
        plain = plain.cast(pa.int64())
    elif not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise DataError(f"column {name!r}: expected text or whole numbers, came {values.type}; convert it to text")
    text = plain.cast(pa.large_string() if target == pa.large_string() else pa.string())
    if pc.any(pc.equal(text, "")).as_py():
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    if target == pa.large_string():
        return text
    return pa.chunked_array([text.dictionary_encode().unify_dictionaries().combine_chunks()], type=target)


def _to_bool(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = _empty_to_null(plain_text(values))
    if pa.types.is_boolean(plain.type) or pa.types.is_null(plain.type):
        return plain.cast(pa.bool_())
    if is_text(plain.type):
        word = pc.utf8_lower(plain)
        is_true = pc.or_(pc.equal(word, "true"), pc.equal(word, "1"))
        is_false = pc.or_(pc.equal(word, "false"), pc.equal(word, "0"))
    elif pa.types.is_integer(plain.type) or pa.types.is_floating(plain.type):
        is_true, is_false = pc.equal(plain, 1), pc.equal(plain, 0)
    else:
        raise DataError(f"column {name!r}: expected true or false, came {values.type}")
    _require(name, plain, pc.or_(is_true, is_false), "true or false (or 1, 0, empty)")
    return is_true


def _to_float(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = _empty_to_null(plain_text(values))
    if is_text(plain.type):
        trimmed = pc.utf8_trim_whitespace(plain)
        trimmed = _null_where(pc.match_substring_regex(trimmed, _NOT_A_NUMBER), trimmed)
        _require(name, plain, pc.match_substring_regex(trimmed, _NUMBER), "a number")
        return _remove_plus(trimmed).cast(pa.float64())
    numeric = pa.types.is_integer(plain.type) or pa.types.is_floating(plain.type) or pa.types.is_decimal(plain.type)
    if not (numeric or pa.types.is_null(plain.type)):
        raise DataError(f"column {name!r}: expected numbers, came {values.type}")
    return plain.cast(pa.float64(), safe=False)


def _to_seconds(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers are seconds already; timestamps become seconds since 1970, UTC where no zone is given."""
    plain = _empty_to_null(plain_text(values))
    if pa.types.is_date(plain.type):
        plain = plain.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(plain.type):
        micro = plain.cast(pa.timestamp("us", tz=plain.type.tz), safe=False)
        return pc.divide(micro.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)
    if not is_text(plain.type):
        return _to_float(name, plain)
    trimmed = pc.utf8_trim_whitespace(plain)
    trimmed = _null_where(pc.match_substring_regex(trimmed, _NOT_A_NUMBER), trimmed)
    is_number = pc.match_substring_regex(trimmed, _NUMBER)
    is_iso = pc.match_substring_regex(trimmed, _ISO_TIME)
    _require(name, plain, pc.or_(is_number, is_iso), "seconds, or an ISO time such as 2024-05-01T12:30:00Z")
    has_zone = pc.and_(is_iso, pc.match_substring_regex(trimmed, _ZONE))
    numbers = _remove_plus(_null_where(pc.invert(is_number), trimmed)).cast(pa.float64())
    # Arrow reads at most six digits of a second into microseconds.
    short = pc.replace_substring_regex(trimmed, r"(\.[0-9]{6})[0-9]+", r"\1")
    zoned = _null_where(pc.invert(has_zone), short)
    naive = _null_where(pc.or_(is_number, has_zone), short)
    try:
        times = (zoned.cast(pa.timestamp("us", "UTC")), naive.cast(pa.timestamp("us")))
    except pa.ArrowInvalid as error:
        raise DataError(f"column {name!r}: expected ISO times that exist in the calendar; {error}") from error
    seconds = [pc.divide(part.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6) for part in times]
    return pc.coalesce(numbers, *seconds)


def _require(name: str, values: pa.ChunkedArray, is_good: pa.ChunkedArray, expected: str) -> None:
    """Raise a DataError that names the first rows which are neither null nor good."""
    bad = pc.fill_null(pc.invert(is_good), False)
    total = pc.sum(bad).as_py() or 0
    if total:
        rows = pc.indices_nonzero(bad).slice(0, 5).to_pylist()
        came = rows_text(rows, [values[row].as_py() for row in rows], total)
        raise DataError(f"column {name!r}: expected {expected}, came {came} (rows count from 0); correct these cells")


def _null_where(mask: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.fill_null(mask, True), pa.scalar(None, values.type), values)


def _empty_to_null(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return _null_where(pc.equal(values, ""), values) if is_text(values.type) else values


def _without_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    is_nan = pc.is_nan(values)
    return _null_where(is_nan, values) if pc.any(is_nan).as_py() else values


def _remove_plus(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(text, r"^\+", "")
