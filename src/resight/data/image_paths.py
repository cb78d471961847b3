"""Image paths of a manifest, moved from one folder to another without a loop over the rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import IMAGE

_ABSOLUTE = r"^(/|\\|[A-Za-z]:[/\\])"


def rebase(table: pa.Table, old_root: Path, new_root: Path) -> pa.Table:
    """The table with its images relative to `new_root` where they lie inside it, absolute elsewhere.

    Args:
        table: has a column `image`; its relative paths start from `old_root`.
        old_root: absolute folder.
        new_root: absolute folder.
    """
    images = table.column(IMAGE)
    is_absolute = pc.match_substring_regex(images, _ABSOLUTE)
    if old_root == new_root and not pc.any(is_absolute).as_py():
        return table
    separator = pa.scalar("/", images.type)
    old = pa.scalar(old_root.as_posix().rstrip("/"), images.type)
    absolute = pc.if_else(is_absolute, images, pc.binary_join_element_wise(old, images, separator))
    prefix = new_root.as_posix().rstrip("/") + "/"
    inside = pc.utf8_slice_codeunits(absolute, len(prefix))
    moved = pc.if_else(pc.starts_with(absolute, prefix), inside, absolute)
    position = table.column_names.index(IMAGE)
    return table.set_column(position, IMAGE, moved)
