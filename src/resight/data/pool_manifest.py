"""A manifest as a pool: files, images of an LMDB, members of tars."""

import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

from resight.data.columns import IMAGE
from resight.data.decode import Box
from resight.data.image_files import read_image
from resight.data.manifest import Manifest
from resight.data.mapped_rows import map_rows, write_rows
from resight.data.pool_source import Pool
from resight.errors import DataError


class ManifestPool(Pool):
    """The images of a manifest's rows.

    Forked workers share its memory. Spawned ones would get a copy each, hundreds of megabytes for millions of rows; so
    the paths and boxes go to a temporary file that all of them map.

    Args:
        manifest: its images may be files, or lie in an LMDB or in tars.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._rows = manifest
        self._shared: Path | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"ManifestPool({self._rows!r})"

    def key(self, row: int) -> str:
        image, box = str(self._rows.table.column(IMAGE)[row].as_py()), self.box(row)
        return image if box is None else f"{image}@{','.join(f'{number:g}' for number in box)}"

    def box(self, row: int) -> Box | None:
        return self._rows.box(row)

    def read(self, row: int) -> bytes:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a pool of {len(self):,} images")
        path = self._rows.image_path(row)
        try:
            return read_image(path)
        except FileNotFoundError as error:
            raise DataError(f"there is no image {path} (row {row})") from error
        except OSError as error:
            raise DataError(f"{path} (row {row}) cannot be read: {error}") from error

    def manifest(self) -> Manifest:
        return self._rows

    def __getstate__(self) -> dict[str, Any]:
        if self._shared is None:
            number, name = tempfile.mkstemp(prefix="resight-pool-", suffix=".arrow")
            os.close(number)
            self._shared = Path(name)
            write_rows(self._rows, self._shared)
            weakref.finalize(self, _delete, self._shared, os.getpid())
        return {"root": self._rows.root, "shared": self._shared}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._rows = map_rows(state["shared"], state["root"])
        self._shared = state["shared"]


def _delete(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked meanwhile
        path.unlink(missing_ok=True)
