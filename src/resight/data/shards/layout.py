"""What lies in the folder of a set of shards.

```
shards.json     what the set is: its tars, with rows, bytes and checksum of each; written last, so it means "complete"
00000.tar ...   the images, each after its header; the name is the key and the kind, `000031234.jpg`
rows.parquet    the manifest: one row for each image, in the order of the tars
index.npy       for each row where its bytes are, and their CRC-32
skipped.csv     the rows whose image could not be read; there if there are any
.packing/       what is finished so far, while the set is being packed
```
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from resight.errors import DataError
from resight.files import whole_file

DESCRIPTION = "shards.json"
ROWS = "rows.parquet"
INDEX = "index.npy"
SKIPPED = "skipped.csv"
UNFINISHED = ".packing"
FORMAT = 1

# Of each row: first 512-byte block of its data in the tar, its bytes, their CRC-32. 12 bytes for an image.
ENTRY = np.dtype([("block", "<u4"), ("size", "<u4"), ("crc", "<u4")])


@dataclass(frozen=True)
class Shard:
    """One tar of a set: its file name, its images, its length in bytes and their SHA-256."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardSet:
    """A complete set.

    Attributes:
        shards: the tars, in order.
        skipped: rows of the packed manifest whose image could not be read.
        packed_from: fingerprint of the packed manifest, see `resight.data.shards.plan`.
        tables: SHA-256 of what lies beside the tars, by file name.
    """

    shards: tuple[Shard, ...]
    skipped: int
    packed_from: str
    tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Images in the set."""
        return sum(shard.rows for shard in self.shards)

    def write(self, folder: Path) -> None:
        """Write `shards.json`."""
        with whole_file(folder / DESCRIPTION) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, "rows": self.rows, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "ShardSet":
        """The set in that folder.

        Raises:
            DataError: if there is none, it is not complete, or its description is damaged or of a newer format.
        """
        path = folder / DESCRIPTION
        if not path.is_file():
            if (folder / UNFINISHED).is_dir():
                raise DataError(
                    f"{folder}: these shards are not complete; run the same `resight data shard` again, it goes on "
                    "where it stopped"
                )
            raise DataError(f"{folder}: expected a set of shards, but there is no {DESCRIPTION}; check the path")
        try:
            content = json.loads(path.read_text())
            if content["format"] > FORMAT:
                raise DataError(f"{path}: format {content['format']} is newer than this resight; update resight")
            shards = tuple(Shard(**shard) for shard in content["shards"])
            return cls(shards, content["skipped"], content["packed_from"], dict(content.get("tables", {})))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path} is damaged ({error}); copy it again, or pack the set anew") from error


def is_shard_set(folder: Path) -> bool:
    """Whether there is a set in that folder, complete or not."""
    return (folder / DESCRIPTION).is_file() or (folder / UNFINISHED).is_dir()
