"""The rows of a manifest that reading needs, in a file that many processes map instead of each holding a copy."""

from pathlib import Path

import pyarrow as pa

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.manifest import Manifest

NEEDED = (IMAGE, "key", *BOX_COLUMNS)


def write_rows(manifest: Manifest, path: Path) -> None:
    """Write image paths, keys and boxes as an Arrow file."""
    needed = manifest.table.select([name for name in NEEDED if name in manifest.table.column_names])
    with path.open("wb") as file, pa.ipc.new_file(file, needed.schema) as writer:
        writer.write_table(needed)


def map_rows(path: Path, root: Path) -> Manifest:
    """The manifest in such a file; its columns stay on disk until they are looked at.

    Args:
        path: of the file; it can be deleted once it is mapped.
        root: folder of the relative image paths.
    """
    with pa.memory_map(str(path)) as file:
        return Manifest(pa.ipc.open_file(file).read_all(), root)
