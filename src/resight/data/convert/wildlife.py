"""Wildlife re-identification: the table that the package wildlife-datasets gives of each of its data sets."""

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import BOX_COLUMNS, IMAGE, conform_column, is_text, plain_text
from resight.data.manifest import Manifest
from resight.data.table_files import read_table
from resight.errors import DataError

_logger = logging.getLogger(__name__)

SPLITS = {"train": "train", "query": "query", "gallery": "gallery", "database": "gallery"}
_INDEX_COLUMNS = ("", "Unnamed: 0", "__index_level_0__")  # as pandas writes its index


def wildlife(source: str | Path, *, root: Path | None = None, unknown: str = "unknown") -> Manifest:
    """Manifest of a wildlife-datasets table: `image_id`, `identity`, `path`, and what else it has.

    `path` becomes `image`, `identity` `pid`, `camera` `camid`, `orientation` (or else `position`) `viewid`, `bbox` (x,
    y, width, height) the box, `date` `time` unless it is no ISO time. `split` keeps train, query, gallery and database,
    which is the gallery; if it has other values (test) they are left empty and `given_split` has all as given: make a
    test with `resight data split`. Other columns (species, image_id, ...) are kept.

    Args:
        source: the table (.csv or .parquet, as pandas writes it), or a folder with `metadata.csv`.
        root: folder of the relative paths; None: that of the table.
        unknown: the identity, camera or orientation that stands for none.

    Raises:
        DataError: if the table is missing or lacks a column, or its rows are not valid.
    """
    path = Path(source).expanduser()
    path = path / "metadata.csv" if path.is_dir() else path
    try:
        table = read_table(path, {IMAGE: "path", "pid": "identity"})
        table = table.drop_columns([name for name in _INDEX_COLUMNS if name in table.column_names])
        for change in (_boxes, _time, _splits):
            table = change(table)
        table = _known(_renamed(table), unknown)
        manifest = Manifest(table, path.parent if root is None else root)
        manifest.require_valid()
    except DataError as error:
        raise DataError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    return manifest


def _renamed(table: pa.Table) -> pa.Table:
    for old, new in (("camera", "camid"), ("orientation", "viewid"), ("position", "viewid")):
        names = table.column_names
        if old in names and new not in names:
            table = table.rename_columns([new if name == old else name for name in names])
    return table


def _known(table: pa.Table, unknown: str) -> pa.Table:
    """Null in place of the word for unknown."""
    for name in ("pid", "camid", "viewid"):
        if name in table.column_names:
            values = plain_text(table.column(name))
            if is_text(values.type):
                nothing = pa.scalar(None, values.type)
                table = _replaced(table, name, {name: pc.if_else(pc.equal(values, unknown), nothing, values)})
    return table


def _boxes(table: pa.Table) -> pa.Table:
    """Four columns in place of `bbox`, which is a list, or a list as text: `[10, 20.5, 30, 40]`."""
    if "bbox" not in table.column_names:
        return table
    boxes = plain_text(table.column("bbox"))
    if is_text(boxes.type):
        boxes = pc.utf8_trim(boxes, "[]() ")
        is_none = pc.is_in(boxes, value_set=pa.array(["", "nan", "None"], boxes.type))
        boxes = pc.split_pattern_regex(pc.if_else(is_none, pa.scalar(None, boxes.type), boxes), r"\s*[,\s]\s*")
    try:
        bad = pc.fill_null(pc.not_equal(pc.list_value_length(boxes), 4), False).to_pylist()
        if any(bad):
            row = bad.index(True)
            came = table.column("bbox")[row].as_py()
            raise DataError(f"column 'bbox': expected x, y, width, height, came {came!r} (row {row}); correct it")
        sides = {name: pc.list_element(boxes, number).cast(pa.float64()) for number, name in enumerate(BOX_COLUMNS)}
    except pa.ArrowException as error:
        raise DataError(f"column 'bbox': expected lists of four numbers: {error}") from error
    return _replaced(table, "bbox", sides)


def _time(table: pa.Table) -> pa.Table:
    """`time` in place of `date`, unless that holds years alone or text that is no ISO time."""
    if "date" not in table.column_names or "time" in table.column_names:
        return table
    dates = plain_text(table.column("date"))
    is_number = pc.match_substring_regex(dates, r"^\s*[0-9.]+\s*$") if is_text(dates.type) else None
    is_years = bool(pc.any(is_number).as_py()) if is_number is not None else not pa.types.is_temporal(dates.type)
    try:
        if is_years:
            raise DataError("column 'date': plain numbers are no points in time")
        return _replaced(table, "date", {"time": conform_column("time", dates)})
    except DataError as error:
        _logger.warning("the dates stay in the column 'date', and the column 'time' is left out: %s", error)
        return table


def _splits(table: pa.Table) -> pa.Table:
    if "split" not in table.column_names:
        return table
    given = plain_text(table.column("split"))
    if not is_text(given.type):
        given = given.cast(pa.string())
    places = pc.index_in(given, value_set=pa.array(list(SPLITS), given.type))
    splits = pa.array(list(SPLITS.values())).take(places.combine_chunks())
    odd = pc.and_(pc.is_valid(given), pc.is_null(places))
    if not pc.any(odd).as_py():
        return _replaced(table, "split", {"split": splits})
    values = ", ".join(repr(value) for value in pc.unique(given.filter(odd)).to_pylist()[:5])
    _logger.warning("split is left empty where it is %s; the column 'given_split' has all as given", values)
    return _replaced(table, "split", {"split": splits, "given_split": given})


def _replaced(table: pa.Table, name: str, columns: dict[str, Any]) -> pa.Table:
    """The table with other columns in the place of one."""
    position = table.column_names.index(name)
    table = table.remove_column(position)
    for offset, (new, values) in enumerate(columns.items()):
        table = table.add_column(position + offset, new, values)
    return table
