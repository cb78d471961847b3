from pathlib import Path

import pyarrow as pa

from resight.data.manifest import Manifest
from resight.data.mapped_rows import map_rows, write_rows


def test_what_reading_needs(tiny_manifest: Manifest, tmp_path: Path) -> None:
    boxed = tiny_manifest.with_column("key", [f"k{row}" for row in range(32)])
    for name in ("box_x", "box_y", "box_w", "box_h"):
        boxed = boxed.with_column(name, [5.0, *[None] * 31])
    write_rows(boxed, tmp_path / "rows.arrow")
    before = pa.total_allocated_bytes()
    mapped = map_rows(tmp_path / "rows.arrow", boxed.root)
    assert pa.total_allocated_bytes() - before < 1000, "it is not copied"
    (tmp_path / "rows.arrow").unlink()
    assert mapped.table.column_names == ["image", "key", "box_x", "box_y", "box_w", "box_h"]
    assert [mapped.image_path(row) for row in range(32)] == [boxed.image_path(row) for row in range(32)]
    assert [mapped.box(row) for row in (0, 1)] == [(5, 5, 5, 5), None]
