"""Published sizes of the public data sets, and how a copy at hand compares with them.

Counts are those of the loaders that the papers used, after the data set's own junk is left out. Sources: the authors'
readme files and the loaders of TransReID, the strong baseline (BoT), fast-reid and torchreid, and arithmetic over the
list files; `totals` is Table 1 of TransReID (arXiv:2102.04378).
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from resight.data.columns import SPLITS
from resight.data.finding import Finding, Severity
from resight.data.manifest import Manifest
from resight.data.statistics import UNASSIGNED, SplitStatistics, Statistics, statistics
from resight.errors import DataError


@dataclass(frozen=True)
class Counts:
    """Sizes of one split; None: not published. `identities` lists every number that is given somewhere."""

    identities: tuple[int, ...]
    images: int
    cameras: int | None = None
    views: int | None = None
    junk: int | None = 0


@dataclass(frozen=True)
class Totals:
    """A row of the papers' table of data sets; None stands for "-"."""

    identities: int
    images: int
    cameras: int | None
    views: int | None = None


@dataclass(frozen=True)
class Published:
    """A data set as published.

    Attributes:
        title: its usual name.
        object: what it shows.
        splits: split -> its sizes.
        totals: the papers' row.
        note: where the row and the files are known to differ.
        counted: the splits whose images the row counts.
        counts_junk: whether it counts their junk too.
    """

    title: str
    object: str
    splits: Mapping[str, Counts]
    totals: Totals | None = None
    note: str = ""
    counted: tuple[str, ...] = SPLITS
    counts_junk: bool = False


def _test(train: Counts, query: Counts, gallery: Counts) -> dict[str, Counts]:
    return {"train": train, "query": query, "gallery": gallery}


def _vehicleid(size: int, test_images: int) -> Published:
    train = Counts((13_164,), 113_346)
    return Published(
        f"VehicleID ({size:,})",
        "vehicle",
        _test(train, Counts((size,), test_images - size), Counts((size,), size)),
        Totals(26_328, 221_567, None, 2),
        note="the papers count the test list of 13,164 vehicles; the two views come with no file",
    )


def _msmt17(train_images: int, title: str, note: str = "") -> Published:
    splits = _test(Counts((1_041,), train_images, 15), Counts((3_060,), 11_659, 15), Counts((3_060,), 82_161, 15))
    return Published(title, "person", splits, Totals(4_101, 126_441, 15), note)


def _cuhk03(train_images: int, gallery_images: int, crops: str) -> Published:
    splits = _test(Counts((767,), train_images, 2), Counts((700,), 1_400, 2), Counts((700,), gallery_images, 2))
    return Published(f"CUHK03-NP ({crops})", "person", splits)


def _luperson(images: int, title: str) -> Published:
    return Published(title, "person", {UNASSIGNED: Counts((0,), images)}, counted=(UNASSIGNED,))


# A name is that of the converter, or it and what its options change.
PUBLISHED: dict[str, Published] = {
    "market1501": Published(
        "Market-1501",
        "person",
        _test(
            Counts((751,), 12_936, 6),
            Counts((750,), 3_368, 6),
            Counts((751,), 15_913, 6, junk=3_819),  # 750 people and the distractors, `0000`
        ),
        Totals(1_501, 32_668, 6),
        note="the papers count the whole of bounding_box_test, junk and distractors too, and no query",
        counted=("train", "gallery"),
        counts_junk=True,
    ),
    "dukemtmc": Published(
        "DukeMTMC-reID",
        "person",
        _test(Counts((702,), 16_522, 8), Counts((702,), 2_228, 8), Counts((1_110,), 17_661, 8)),
        Totals(1_404, 36_441, 8),
        note="the papers say 36,441 images, the data set's authors 36,411, which is the sum of the splits",
    ),
    "msmt17": _msmt17(32_621, "MSMT17"),
    "msmt17_without_val": _msmt17(30_248, "MSMT17, list_train alone", "the papers count list_val too"),
    "occluded_duke": Published(
        "Occluded-Duke",
        "person",
        _test(Counts((702,), 15_618, 8), Counts((519,), 2_210, 8), Counts((1_110,), 17_661, 8)),
        Totals(1_404, 36_441, 8),
        note="the papers repeat DukeMTMC-reID's row; the lists hold 35,489 images, and 702 + 519 people to search for",
    ),
    "veri776": Published(
        "VeRi-776",
        "vehicle",
        _test(
            Counts((576, 575), 37_778, 20, None, None),
            Counts((200,), 1_678, None, None, None),
            Counts((200,), 11_579, 19, 8, None),
        ),
        Totals(776, 49_357, 20, 8),
        counted=("train", "gallery"),
        note="query images are gallery images too; images without a viewpoint label are published, but not loaded",
    ),
    "vehicleid": _vehicleid(800, 6_493),
    "vehicleid_1600": _vehicleid(1_600, 13_377),
    "vehicleid_2400": _vehicleid(2_400, 19_777),
    "vehicleid_13164": _vehicleid(13_164, 108_221),  # what the papers' row leaves for the test
    "cuhk03_np": _cuhk03(7_365, 5_332, "detected"),
    "cuhk03_np_labeled": _cuhk03(7_368, 5_328, "labeled"),
    "luperson": _luperson(4_180_243, "LUPerson"),
    "luperson_cfs_50": _luperson(2_090_122, "LUPerson, 50 % by CFS"),
    "luperson_cfs_60": _luperson(2_508_146, "LUPerson, 60 % by CFS"),
}


@dataclass(frozen=True)
class Comparison:
    """One number of one split: what is here, and what is published."""

    split: str
    what: str
    found: int
    published: tuple[int, ...]

    @property
    def differs(self) -> bool:
        return self.found not in self.published


def totals(manifest: Manifest, published: Published | None = None) -> Totals:
    """The manifest's row in the papers' table: identities that are trained on or searched for, images, cameras, views.

    Args:
        manifest: any.
        published: says which splits are counted; None: all rows that are not junk.
    """
    counts = statistics(manifest)
    has_query = "query" in counts.splits
    searched = manifest.select(manifest.codes("split", ["train", "query"]) >= 0) if has_query else manifest
    parts = [part for name, part in counts.splits.items() if published is None or name in published.counted]
    junk = sum(part.junk for part in parts) if published is not None and published.counts_junk else 0
    return Totals(
        identities=len(searched.identities()),
        images=sum(part.images for part in parts) + junk,
        cameras=counts.total.cameras or None,
        views=counts.total.views or None,
    )


def choose(name: str | None, format: str | None, counts: Statistics) -> Published | None:
    """What a data set is to be compared with.

    Args:
        name: of a published set, or "none".
        format: converter that made the data; asked if there is no name. Of the sets that its options give, the one that
            differs in the fewest numbers counts, and of several such the one whose numbers are nearest.
        counts: of the data.

    Raises:
        DataError: if there is no published set of that name; near ones are given.
    """
    if name == "none":
        return None
    if name is not None:
        if name not in PUBLISHED:
            near = difflib.get_close_matches(name, PUBLISHED, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(PUBLISHED)}, and none"
            raise DataError(f"no published sizes are known of {name!r}; {hint}")
        return PUBLISHED[name]
    sets = [one for key, one in PUBLISHED.items() if key == format or key.startswith(f"{format}_")]
    return min(sets, key=lambda one: _distance(compare(counts, one)), default=None)


def _distance(comparisons: list["Comparison"]) -> tuple[int, int]:
    """How many numbers differ, and by how much."""
    gaps = [min(abs(one.found - number) for number in one.published) for one in comparisons]
    return sum(gap > 0 for gap in gaps), sum(gaps)


def compare(counts: Statistics, published: Published) -> list[Comparison]:
    """Every published number beside the one that was counted; views only where some view is known."""
    result = []
    nothing = SplitStatistics(0, 0, 0, 0, 0, 0, 0, (0, 0.0, 0), {})
    for split, expected in published.splits.items():
        found = counts.splits.get(split, nothing)
        pairs = (
            ("ids", found.identities, expected.identities),
            ("images", found.images, (expected.images,)),
            ("cameras", found.cameras, (expected.cameras,)),
            ("views", found.views, (expected.views if found.views else None,)),
            ("junk", found.junk, (expected.junk,)),
        )
        result += [
            Comparison(split, what, number, tuple(value for value in values if value is not None))
            for what, number, values in pairs
            if values != (None,)
        ]
    return result


def differences(comparisons: list[Comparison], title: str, severity: Severity) -> list[Finding]:
    """One finding if some numbers differ; its examples are those numbers."""
    shown = [
        f"{one.split} has {one.found:,} {one.what}, published {' or '.join(f'{number:,}' for number in one.published)}"
        for one in comparisons
        if one.differs
    ]
    message = f"counts differ from those published of {title}; is the copy complete, and the right one?"
    return [Finding("published_counts", severity, message, len(shown), tuple(shown))] if shown else []
