"""Which row of a manifest goes into which shard and under which key: the same whenever it is asked."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import BOX_COLUMNS, IMAGE, is_text
from resight.data.manifest import Manifest
from resight.data.row_hash import repeated, text_hashes
from resight.errors import DataError

KEY = "key"
_GOOD_KEY = r"^[^./\\\x00-\x1f][^.\\\x00-\x1f]*$"  # WebDataset's keys end at the first dot
_LONGEST_KEY = 90  # bytes; a plain tar header has 100 for the key and the kind


@dataclass(frozen=True)
class Plan:
    """The work of packing a manifest.

    Attributes:
        manifest: the rows.
        rows_per_shard: of each but the last.
        fingerprint: two plans have the same one if they pack the same images, boxes and keys in the same shards.
    """

    manifest: Manifest
    rows_per_shard: int
    fingerprint: str

    @classmethod
    def of(cls, manifest: Manifest, rows_per_shard: int) -> "Plan":
        """The plan for that manifest.

        Raises:
            DataError: if the manifest has no rows, breaks a structural rule (an image twice), or its column `key` has
                keys that are missing, there twice, or cannot be file names.
            ValueError: if `rows_per_shard` is below 1.
        """
        if rows_per_shard < 1:
            raise ValueError(f"rows_per_shard: expected 1 or more, came {rows_per_shard}")
        if not len(manifest):
            raise DataError("the manifest has no rows, so there is nothing to pack")
        manifest.require_valid()
        if KEY in manifest.table.column_names:
            _check_keys(manifest.table.column(KEY))
        return cls(manifest, rows_per_shard, _fingerprint(manifest, rows_per_shard))

    def __len__(self) -> int:
        """Number of shards."""
        return -(-len(self.manifest) // self.rows_per_shard)

    def rows(self, shard: int) -> range:
        """Rows of a shard."""
        first = shard * self.rows_per_shard
        return range(first, min(first + self.rows_per_shard, len(self.manifest)))

    def key(self, row: int) -> str:
        """The manifest's own key, or else the row's number in nine digits."""
        if KEY in self.manifest.table.column_names:
            return str(self.manifest.table.column(KEY)[row].as_py())
        return f"{row:09d}"

    @staticmethod
    def shard_name(shard: int) -> str:
        """File name of a shard."""
        return f"{shard:05d}.tar"


def _check_keys(column: pa.ChunkedArray) -> None:
    if not is_text(column.type) or column.null_count:
        raise DataError(f"column {KEY!r}: expected a text in every row, came {column.type}, {column.null_count} empty")
    short = pc.less_equal(pc.binary_length(column), _LONGEST_KEY)
    bad = column.filter(pc.invert(pc.and_(pc.match_substring_regex(column, _GOOD_KEY), short)))
    if len(bad):
        raise DataError(
            f"column {KEY!r}: expected names of at most {_LONGEST_KEY} bytes without dots, came {bad[0].as_py()!r} and "
            f"{len(bad) - 1:,} more; rename them, or drop the column: then row numbers are the keys"
        )
    rows = repeated(_hashes(column))
    values = column.take(pa.array(rows)).to_pylist()
    seen: set[str] = set()
    for row, key in zip(rows.tolist(), values, strict=True):
        if key in seen:
            raise DataError(f"column {KEY!r}: expected every key once, but row {row} has {key!r} again; rename one")
        seen.add(key)


def _fingerprint(manifest: Manifest, rows_per_shard: int) -> str:
    table = manifest.table
    digest = hashlib.blake2b(f"{rows_per_shard}".encode(), digest_size=16)
    for name in (IMAGE, KEY, *BOX_COLUMNS):
        if name in table.column_names:
            values = table.column(name)
            digest.update(name.encode())
            numbers = _hashes(values) if name in (IMAGE, KEY) else values.fill_null(np.inf).to_numpy()
            digest.update(numbers.tobytes())
    return digest.hexdigest()


def _hashes(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    chunks = column.cast(pa.large_string()).chunks
    return np.concatenate([text_hashes(chunk) for chunk in chunks] or [np.zeros(0, dtype=np.uint64)])
