"""A split of one's own: identities into train and test, and the test images into query and gallery across cameras."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resight.data.columns import SPLITS
from resight.data.manifest import Manifest
from resight.data.query_choice import Units, choose_queries
from resight.data.row_hash import add_floats, text_hashes
from resight.errors import DataError

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SplitSummary:
    """What a split came to.

    Attributes:
        train_identities: identities with images in train, those of `train_only_identities` among them.
        test_identities: identities with query images.
        train_images, query_images, gallery_images: rows in each split.
        train_only_identities: put in train, since they cannot be tested, such as those that one camera alone has seen.
        distractor_identities: put in the gallery, since they have a single image, which neither train nor test can use.
        unassigned_images: rows that are junk or have no identity; their split stays null.
        across_cameras: False if no row has a camera; then query and gallery are parted inside each identity.
    """

    train_identities: int
    test_identities: int
    train_images: int
    query_images: int
    gallery_images: int
    train_only_identities: int
    distractor_identities: int
    unassigned_images: int
    across_cameras: bool

    def to_json(self) -> dict[str, int | bool]:
        """The numbers by name."""
        return asdict(self)


def split_manifest(
    manifest: Manifest, *, test_share: float = 0.5, query_per_camera: int = 1, seed: int = 0, overwrite: bool = False
) -> Manifest:
    """`manifest` with its column `split` filled; see `split_with_summary`, which this calls, for the rules."""
    return split_with_summary(
        manifest, test_share=test_share, query_per_camera=query_per_camera, seed=seed, overwrite=overwrite
    )[0]


def split_with_summary(
    manifest: Manifest, *, test_share: float = 0.5, query_per_camera: int = 1, seed: int = 0, overwrite: bool = False
) -> tuple[Manifest, SplitSummary]:
    """Part identities into train and test, and each test identity's images into query and gallery.

    Every query has a gallery image of its identity from another camera. The result depends on the rows and the seed,
    not on the order of the rows.

    1. Junk rows and rows without identity stay without split.
    2. An identity can be tested if two cameras or more have seen it. Rows without camera do not count for that.
       Where no row of the manifest has a camera, it can be tested if it has two images or more.
    3. `test_share` of the identities that can be tested, at least one, go to test; unless the share is 1, at least one
       stays in train.
    4. The others go to train; but an identity with a single image goes to the gallery, as a distractor.
    5. Of each test identity and camera, `query_per_camera` images become query and the rest gallery. A camera with two
       images or more keeps at least one of them in the gallery. A camera's only image becomes query, too, except that
       one such image is kept in the gallery where the identity has fewer than two cameras in the gallery without it.
       So one image from each of three cameras gives two queries and one gallery image. Images without camera are
       gallery.
    6. A track is never parted: it is query or gallery as a whole (so a camera can give more than `query_per_camera`
       query images), gallery if it runs over several cameras or identities, and identities that share a track go
       to the same side.

    Args:
        manifest: needs identities. Boxes are fine.
        test_share: fraction in (0, 1].
        query_per_camera: at least 1.
        seed: any whole number; another seed gives another split.
        overwrite: replace a split that the manifest already has.

    Returns:
        The manifest in its old order with `split` filled, and what it came to.

    Raises:
        DataError: if an argument is out of range, the manifest is not valid or already has splits, no identity can be
            tested, or nothing is left to train on although `test_share` is below 1.
    """
    _check_arguments(manifest, test_share, query_per_camera, overwrite)
    pids, cameras, tracks = (_codes(manifest, name) for name in ("pid", "camid", "trackid"))
    rows = np.flatnonzero((pids >= 0) & ~manifest.column("junk"))
    across_cameras = bool((cameras[rows] >= 0).any())
    if not across_cameras:
        cameras = np.zeros_like(cameras)
    keys = _row_keys(manifest, seed)[rows]
    units = Units.of_rows(pids[rows], cameras[rows], tracks[rows], keys)
    choice = choose_queries(units, query_per_camera, across_cameras=across_cameras)
    groups = units.linked_identities()  # (identities,)
    images = np.bincount(pids[rows], minlength=len(groups))
    in_test = _choose_test(groups, choice.testable, _identity_keys(manifest, seed), test_share)
    if not in_test.any():
        _raise_untestable(len(groups), across_cameras)
    useful = np.bincount(groups, weights=images >= 2, minlength=len(groups))[groups] > 0
    distractor = ~in_test & ~useful
    if test_share < 1 and not (~in_test & ~distractor).any():
        _raise_no_training(int((in_test & choice.testable).sum()))
    splits = np.full(len(manifest), None, dtype=object)
    side = np.where(in_test | distractor, "gallery", "train")[pids[rows]]
    splits[rows] = np.where(in_test[pids[rows]] & choice.is_query, "query", side)
    tested = in_test & choice.testable
    summary = SplitSummary(
        train_identities=int((~in_test & ~distractor).sum()),
        test_identities=int(tested.sum()),
        train_images=int((splits == "train").sum()),
        query_images=int((splits == "query").sum()),
        gallery_images=int((splits == "gallery").sum()),
        train_only_identities=int((~in_test & ~distractor & ~choice.testable).sum()),
        distractor_identities=int((distractor | (in_test & ~choice.testable)).sum()),
        unassigned_images=len(manifest) - len(rows),
        across_cameras=across_cameras,
    )
    return manifest.with_column("split", splits), summary


def _check_arguments(manifest: Manifest, test_share: float, query_per_camera: int, overwrite: bool) -> None:
    if not 0 < test_share <= 1:
        raise DataError(f"test_share: expected a fraction above 0 and up to 1, came {test_share}")
    if query_per_camera < 1:
        raise DataError(f"query_per_camera: expected 1 or more, came {query_per_camera}")
    manifest.require_valid()
    taken = int((manifest.codes("split", SPLITS) >= 0).sum())
    if taken and not overwrite:
        advice = "replace it with overwrite=True (--overwrite)"
        raise DataError(f"{taken:,} of {len(manifest):,} rows already have a split; {advice}")
    if not manifest.identities():
        raise DataError("a split by identity needs identities, but column 'pid' is empty in every row that is not junk")


def _codes(manifest: Manifest, name: str) -> Ints:
    """Codes of the values in natural order; -1 for null and for values that only junk rows have."""
    return manifest.codes(name, manifest.distinct(name))


def _row_keys(manifest: Manifest, seed: int) -> Hashes:
    """A random number for each row (N,), made from its image, its box and the seed."""
    keys = np.concatenate([text_hashes(chunk) for chunk in manifest.table.column("image").chunks])
    for name in ("box_x", "box_y", "box_w", "box_h"):
        keys = add_floats(keys, np.nan_to_num(manifest.column(name), nan=-1.0))
    return add_floats(keys, np.full(len(keys), float(seed)))


def _identity_keys(manifest: Manifest, seed: int) -> Hashes:
    names = pa.array(manifest.identities(), pa.large_string())
    return add_floats(text_hashes(names), np.full(len(names), float(seed)))


def _choose_test(groups: Ints, testable: Bools, keys: Hashes, test_share: float) -> Bools:
    """Which identities go to test, (identities,); whole groups at a time, in the order of their smallest key."""
    total = int(testable.sum())
    wanted = max(1, round(test_share * total))
    if test_share < 1 and total > 1:
        wanted = min(wanted, total - 1)
    group_key = np.full(len(groups), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(group_key, groups, keys)
    size = np.bincount(groups, weights=testable, minlength=len(groups))  # testable identities of each group
    order = np.argsort(group_key, kind="stable")
    before = np.cumsum(size[order]) - size[order]
    chosen = order[(before < wanted) & (size[order] > 0)]
    is_chosen = np.zeros(len(groups), dtype=bool)
    is_chosen[chosen] = True
    return is_chosen[groups]


def _raise_untestable(identities: int, across_cameras: bool) -> None:
    need = "images from two cameras" if across_cameras else "two images"
    raise DataError(
        f"none of the {identities:,} identities can be tested: a test identity needs {need} (a track that is not "
        "parted counts once); check the columns pid, camid and trackid"
    )


def _raise_no_training(tested: int) -> None:
    raise DataError(
        f"the test takes all {tested:,} identities that can be tested, and nothing is left to train on; add "
        "identities, or give test_share=1 (--test-share 1) if all shall be test"
    )
