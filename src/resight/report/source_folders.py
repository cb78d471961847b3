"""Where the kept images of a pool come from: counts by the folder of the image."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.shards.originals import original_images

SHOWN: Final = 30  # folders; more are counted together

_PLACE_IN_TAR = r"#\d+\+\d+/"
_NAME = r"(^|[/\\#])[^/\\#]*$"


@dataclass(frozen=True)
class FolderRate:
    """A folder, its images, and how many of them are kept."""

    name: str
    count: int
    kept: int


class FolderCounts:
    """Adds up images by folder, a part of the pool at a time."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()

    def add(self, table: pa.Table, kept: npt.NDArray[np.bool_]) -> None:
        """Counts the images of a part.

        Args:
            table: n rows with `image`, and with `source` where images were packed into shards.
            kept: (n,).
        """
        images = original_images(table).cast(pa.large_string())
        paths = pc.replace_substring_regex(images.fill_null(""), _PLACE_IN_TAR, "/")
        folders = pc.replace_substring_regex(paths, _NAME, "")
        grouped = pa.table({"folder": folders, "kept": pa.array(kept.astype(np.int64))}).group_by("folder")
        for found in grouped.aggregate([("kept", "sum"), ("kept", "count")]).to_pylist():
            self._kept[found["folder"]] += found["kept_sum"]
            self._count[found["folder"]] += found["kept_count"]

    def rates(self) -> list[FolderRate]:
        """The folders by descending share of kept images, the rest of many small ones last; empty if there is one.

        Folders are joined with their neighbours of one parent until there are few enough to read.
        """
        if not self._count:
            return []
        parts = {name: tuple(re.split(r"[/\\#]", name)) for name in self._count}
        shared = _common(list(parts.values()))
        deepest = max(map(len, parts.values()))
        for depth in range(deepest, shared, -1):
            count, kept = self._joined({name: "/".join(path[shared:depth]) for name, path in parts.items()})
            if len(count) <= SHOWN or depth == shared + 1:
                return _ordered(count, kept)
        return []

    def _joined(self, names: dict[str, str]) -> tuple[Counter[str], Counter[str]]:
        count: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        for name, joined in names.items():
            count[joined or "."] += self._count[name]
            kept[joined or "."] += self._kept[name]
        return count, kept


def _common(paths: list[tuple[str, ...]]) -> int:
    """Folders that all paths begin with."""
    first, last = min(paths), max(paths)
    pairs = zip(first, last, strict=False)
    return next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(first), len(last)))


def _ordered(count: Counter[str], kept: Counter[str]) -> list[FolderRate]:
    shown = [name for name, _ in count.most_common(SHOWN)]
    rates = [FolderRate(name, count[name], kept[name]) for name in shown]
    rates.sort(key=lambda one: (-one.kept / one.count, one.name))
    rest = [name for name in count if name not in set(shown)]
    if rest:
        together = (sum(counter[name] for name in rest) for counter in (count, kept))
        rates.append(FolderRate(f"{len(rest):,} more folders", *together))
    return rates if len(rates) > 1 else []
