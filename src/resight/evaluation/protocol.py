"""Which gallery rows count for which query.

| gallery row | cross-camera (Market-1501 and most sets) | `cross_camera=False` |
|---|---|---|
| same identity, same camera as the query | left out | counts as a match |
| same identity, another camera, or a camera unknown on either side | match | match |
| the very same image and box as the query | as above | left out |
| another identity, or none (a distractor) | wrong answer | wrong answer |
| marked junk | left out | left out |

`cross_camera=False` is for sets whose cameras are unknown and for a set that is searched in itself. A query without
any match among the rows that count is skipped: no mean contains it, and the report says how many there were. So is a
query row that is marked junk.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.functional.match_rows import match_rows
from resight.functional.matching import Matching

_Codes = npt.NDArray[np.int64]


def matching(query: Manifest, gallery: Manifest, *, cross_camera: bool = True) -> Matching:
    """The protocol as codes for `resight.functional.ranking`.

    Args:
        query: Q rows, each with an identity.
        gallery: G rows; those without an identity are distractors.
        cross_camera: leave out the rows of the query's own identity and camera. False leaves out only the query's own
            image.

    Returns:
        Codes of length Q and G, on the CPU.

    Raises:
        DataError: if a side has no rows, a query has no identity, or no gallery row counts.
    """
    _check(query, gallery)
    identities = _vocabulary(query, "pid")
    query_label, gallery_label = query.codes("pid", identities), gallery.codes("pid", identities)
    query_label[query.column("junk")] = -1
    if cross_camera:
        cameras = _vocabulary(query, "camid")
        query_group = _paired(query_label, query.codes("camid", cameras), len(cameras))
        gallery_group = _paired(gallery_label, gallery.codes("camid", cameras), len(cameras))
    else:
        query_group, gallery_group = _image_codes(query, gallery)
    codes = (query_label, gallery_label, query_group, gallery_group, ~gallery.column("junk"))
    return Matching(*(torch.from_numpy(np.ascontiguousarray(side)) for side in codes))


def matched_queries(codes: Matching) -> npt.NDArray[np.bool_]:
    """Which queries have a match among the gallery rows that count, (Q,); from labels and cameras alone.

    Args:
        codes: of `matching`.
    """
    found: npt.NDArray[np.bool_] = match_rows(codes).num_matches > 0
    return found


def _check(query: Manifest, gallery: Manifest) -> None:
    for name, manifest in (("query", query), ("gallery", gallery)):
        if len(manifest) == 0:
            raise DataError(f"evaluation: expected at least one {name} row, came none")
    nameless = (query.codes("pid", _vocabulary(query, "pid")) < 0) & ~query.column("junk")
    if nameless.any():
        row = int(np.flatnonzero(nameless)[0])
        raise DataError(
            f"evaluation: {nameless.sum():,} of {len(query):,} query rows have no identity, the first is row {row} "
            f"({query.image_path(row)}); leave them out with query.select(...), or move them to the gallery, where "
            "rows without identity are distractors"
        )
    if gallery.column("junk").all():
        raise DataError(f"evaluation: all {len(gallery):,} gallery rows are marked junk; no row is left to be found")


def _vocabulary(manifest: Manifest, column: str) -> list[str]:
    """Distinct values of a column, junk rows included, in any order."""
    if column not in manifest.table.column_names:
        return []
    return [value for value in manifest.table.column(column).unique().to_pylist() if value is not None]


def _paired(first: _Codes, second: _Codes, num_second: int) -> _Codes:
    """One code for each pair of codes; -1 where either is."""
    return np.where((first >= 0) & (second >= 0), first * num_second + second, -1)


def _image_codes(query: Manifest, gallery: Manifest) -> tuple[_Codes, _Codes]:
    """Equal codes for equal image and box; -1 for gallery rows whose image is no query's."""
    parts = [Manifest(_image_columns(manifest), manifest.root) for manifest in (query, gallery)]
    both = Manifest.concat(parts)  # brings the image paths to one root
    images = both.codes(IMAGE, _vocabulary(both.select(np.arange(len(query))), IMAGE))  # (Q + G,)
    boxes = np.stack([np.nan_to_num(both.column(name), nan=-1.0) for name in BOX_COLUMNS], axis=1)  # (Q + G, 4)
    shared = images >= 0
    keys = np.concatenate([images[shared, None].astype(np.float64), boxes[shared]], axis=1)
    codes = np.full(len(both), -1, dtype=np.int64)
    codes[shared] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    return codes[: len(query)], codes[len(query) :]


def _image_columns(manifest: Manifest) -> pa.Table:
    kept = [name for name in (IMAGE, *BOX_COLUMNS) if name in manifest.table.column_names]
    return manifest.table.select(kept)
