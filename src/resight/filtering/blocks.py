"""Finished blocks of a pass over a pool: files that are whole or not there, so that a kill loses no score."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from resight.errors import DataError
from resight.files import whole_file

_PASS = "pass.json"
_DAMAGED, _REASONS = "damaged/rows", "damaged/reasons"


@dataclass(frozen=True)
class Block:
    """What a pass found out about some rows that follow each other.

    rows: (n,) rows of images that could be read, ascending. scores: of each column (n,). damaged: (m,) rows of images
    that could not be read. reasons: (m,) why.
    """

    rows: npt.NDArray[np.int64]
    scores: Mapping[str, npt.NDArray[Any]]
    damaged: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.str_]


class Blocks:
    """The blocks of a pass, in a folder.

    Args:
        folder: is made by `begin`.
        count: rows of the pool.
        size: rows of a block; the last one may have fewer.
    """

    def __init__(self, folder: Path, count: int, size: int) -> None:
        self.folder = folder
        self.count = count
        self.size = size

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def rows(self, number: int) -> range:
        """Rows of a block."""
        return range(number * self.size, min((number + 1) * self.size, self.count))

    def begin(self, about: Mapping[str, Any]) -> None:
        """Makes the folder, or finds that of the same pass.

        Args:
            about: plain values that the scores depend on.

        Raises:
            DataError: if it is the folder of another pass.
        """
        path = self.folder / _PASS
        asked = json.loads(json.dumps({**about, "rows": self.count, "rows_per_block": self.size}))
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found != asked:
                changed = sorted(key for key in {*found, *asked} if found.get(key) != asked.get(key))
                raise DataError(
                    f"{self.folder.parent} holds a scoring that was begun with other settings ({', '.join(changed)} "
                    "differ); go on with those, or choose another folder"
                )
            return
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")

    def missing(self) -> list[int]:
        """Numbers of the blocks that are not finished, ascending."""
        return [number for number in range(len(self)) if not self._path(number).is_file()]

    def write(self, number: int, block: Block) -> None:
        """Stores a finished block."""
        with whole_file(self._path(number)) as temporary, temporary.open("wb") as file:
            content: dict[str, Any] = {f"score/{name}": values for name, values in block.scores.items()}
            content |= {"rows": block.rows, _DAMAGED: block.damaged, _REASONS: block.reasons}
            np.savez(file, **content)

    def read(self) -> Iterator[Block]:
        """All blocks in order.

        Raises:
            DataError: if one is missing or damaged.
        """
        for number in range(len(self)):
            path = self._path(number)
            try:
                with np.load(path, allow_pickle=False) as stored:
                    scores = {name[6:]: stored[name] for name in stored.files if name.startswith("score/")}
                    yield Block(stored["rows"], scores, stored[_DAMAGED], stored[_REASONS])
            except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
                raise DataError(f"{path} is damaged ({error}); delete it, and go on with --resume") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"
