"""Image paths of a manifest, moved from one folder to another without a loop over the rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import IMAGE
from resight.data.path_spelling import ABSOLUTE
from resight.errors import DataError


def rebase(table: pa.Table, old_root: Path, new_root: Path) -> pa.Table:
    """The table with its images relative to `new_root` where they lie inside it, absolute elsewhere.

    Args:
        table: has a column `image`; its relative paths start from `old_root`.
        old_root: absolute folder.
        new_root: absolute folder.

    Raises:
        DataError: if a folder has a name that is not UTF-8.
    """
    images = table.column(IMAGE)
    is_absolute = pc.match_substring_regex(images, ABSOLUTE)
    if old_root == new_root and not pc.any(is_absolute).as_py():
        return table
    separator = pa.scalar("/", images.type)
    old = pa.scalar(_text(old_root), images.type)
    absolute = pc.if_else(is_absolute, images, pc.binary_join_element_wise(old, images, separator))
    prefix = _text(new_root) + "/"
    inside = pc.utf8_slice_codeunits(absolute, len(prefix))
    moved = pc.if_else(pc.starts_with(absolute, prefix), inside, absolute)
    position = table.column_names.index(IMAGE)
    return table.set_column(position, IMAGE, moved)


def _text(folder: Path) -> str:
    text = folder.as_posix().rstrip("/")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"expected a folder whose name is UTF-8, came {text!r}; rename it") from error
    return text
