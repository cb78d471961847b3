"""What images of shards were called before they were packed."""

import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import IMAGE, is_text, plain_text

SOURCE = "source"  # column of shards: image path of each row before it was packed, as the manifest had it
OWN_SOURCE = "own_source"  # where packing leaves a column `source` that says something else

_IN_A_TAR = r"(?i)\.tar#\d+\+\d+[/\\]"


def original_images(table: pa.Table) -> pa.ChunkedArray:
    """Paths of the images, of those in shards the paths before packing.

    A column `source` says something else where the images are files: it is the user's own.

    Args:
        table: N rows with `image`, and with `source` where they come from shards.

    Returns:
        (N,) large text.
    """
    images = table.column(IMAGE)
    if SOURCE not in table.column_names:
        return images
    source = plain_text(table.column(SOURCE))
    if not is_text(source.type):
        return images
    packed = pc.and_(pc.match_substring_regex(images, _IN_A_TAR), source.is_valid())
    return pc.if_else(packed, source.cast(pa.large_string()), images)


def are_packed(table: pa.Table) -> bool:
    """Whether all images of a table with `source` lie in shards, so that it says where they were."""
    is_path = is_text(plain_text(table.column(SOURCE)).type)
    return is_path and bool(pc.all(pc.match_substring_regex(table.column(IMAGE), _IN_A_TAR)).as_py())
