from dataclasses import replace

import numpy as np
import pytest

from resight.data.convert import CONVERTERS
from resight.data.manifest import Manifest
from resight.data.published import PUBLISHED, Published, Totals, choose, compare, differences, totals
from resight.data.statistics import UNASSIGNED, statistics
from resight.errors import DataError


def complete(published: Published) -> Manifest:
    """Rows of just the published sizes; test identities are others than those of train, queries are in the gallery."""
    columns: dict[str, list[object]] = {name: [] for name in ("pid", "camid", "viewid", "split", "junk")}
    for split, counts in published.splits.items():
        identities, side = counts.identities[0], "train" if split == "train" else "test"
        junk = counts.junk or 0
        rows = np.arange(counts.images + junk)
        columns["pid"] += [f"{side}{row % identities}" if identities else None for row in rows]
        columns["camid"] += [str(row % counts.cameras + 1) if counts.cameras else None for row in rows]
        columns["viewid"] += [str(row % counts.views) if counts.views else None for row in rows]
        columns["split"] += [None if split == UNASSIGNED else split] * len(rows)
        columns["junk"] += [row >= counts.images for row in rows.tolist()]
    return Manifest.from_columns({"image": [str(row) for row in range(len(columns["pid"]))], **columns}, "/")


# The papers' sizes once more: ids, images and cameras of train, query and gallery; `-`: none are known. Two numbers of
# ids are published of one set.
SIZES = """
market1501         751 12936 6       750 3368 6    751 15913 6
dukemtmc           702 16522 8       702 2228 8    1110 17661 8
msmt17             1041 32621 15     3060 11659 15 3060 82161 15
msmt17_without_val 1041 30248 15     3060 11659 15 3060 82161 15
occluded_duke      702 15618 8       519 2210 8    1110 17661 8
veri776            576/575 37778 20  200 1678 -    200 11579 19
vehicleid          13164 113346 -    800 5693 -    800 800 -
vehicleid_1600     13164 113346 -    1600 11777 -  1600 1600 -
vehicleid_2400     13164 113346 -    2400 17377 -  2400 2400 -
vehicleid_13164    13164 113346 -    13164 95057 - 13164 13164 -
cuhk03_np          767 7365 2        700 1400 2    700 5332 2
cuhk03_np_labeled  767 7368 2        700 1400 2    700 5328 2
"""

# Name, object, ids, images, cameras, views of the papers' table.
TOTALS = """
market1501    person  1501  32668  6  -
dukemtmc      person  1404  36441  8  -
msmt17        person  4101  126441 15 -
occluded_duke person  1404  36441  8  -
veri776       vehicle 776   49357  20 8
vehicleid     vehicle 26328 221567 -  2
"""


def test_sizes_as_published() -> None:
    rows = {name: cells for name, *cells in map(str.split, SIZES.strip().splitlines())}
    assert rows.keys() == {name for name in PUBLISHED if not name.startswith("luperson")}
    for name, cells in rows.items():
        parts = [PUBLISHED[name].splits[split] for split in ("train", "query", "gallery")]
        found = [
            text
            for part in parts
            for text in ("/".join(map(str, part.identities)), str(part.images), str(part.cameras or "-"))
        ]
        assert found == cells, name
    images = {name: PUBLISHED[name].splits[UNASSIGNED].images for name in PUBLISHED if name.startswith("luperson")}
    assert images == {"luperson": 4180243, "luperson_cfs_50": 2090122, "luperson_cfs_60": 2508146}
    junk = {name: sum(part.junk or 0 for part in one.splits.values()) for name, one in PUBLISHED.items()}
    assert {name: count for name, count in junk.items() if count} == {"market1501": 3819}


def test_the_papers_table() -> None:
    for name, *cells in map(str.split, TOTALS.strip().splitlines()):
        one = PUBLISHED[name]
        assert one.totals is not None
        row = (one.totals.identities, one.totals.images, one.totals.cameras, one.totals.views)
        assert [one.object, *(str(value or "-") for value in row)] == cells


SMALL = [name for name in PUBLISHED if not name.startswith("luperson")]


@pytest.mark.parametrize("name", SMALL)
def test_a_complete_set_has_no_difference(name: str) -> None:
    published = PUBLISHED[name]
    counts = statistics(complete(published))
    comparisons = compare(counts, published)
    assert comparisons
    assert differences(comparisons, published.title, "error") == []
    assert choose(name, None, counts) is published
    assert choose(None, _format(name), counts) is published


def _format(name: str) -> str:
    (format,) = [format for format in CONVERTERS if name == format or name.startswith(f"{format}_")]
    return format


def test_every_name_is_that_of_a_converter() -> None:
    assert {_format(name) for name in PUBLISHED} == {
        "cuhk03_np",
        "dukemtmc",
        "luperson",
        "market1501",
        "msmt17",
        "occluded_duke",
        "vehicleid",
        "veri776",
    }


# The arithmetic that relates the papers' row to the files; None: it is the row itself.
ROWS = {
    "market1501": None,
    "msmt17": None,
    "dukemtmc": Totals(1_404, 36_411, 8),
    "occluded_duke": Totals(702 + 519, 35_489, 8),
    "veri776": Totals(776, 49_357, 20, 8),
    "vehicleid": Totals(13_164 + 800, 113_346 + 6_493, None),
    "vehicleid_13164": Totals(26_328, 221_567, None),
    "msmt17_without_val": Totals(4_101, 126_441 - 2_373, 15),
    "cuhk03_np_labeled": Totals(1_467, 14_096, 2),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_papers_row(name: str) -> None:
    published = PUBLISHED[name]
    row = ROWS[name] or published.totals
    assert totals(complete(published), published) == row
    if published.totals and row != published.totals:
        assert published.note


def test_the_row_of_any_other_set() -> None:
    columns = {"image": list("abcde"), "pid": ["1", "2", "2", "9", None], "junk": [False] * 4 + [True]}
    pool = Manifest.from_columns(columns, "/")
    assert totals(pool) == Totals(3, 4, None, None)
    test = pool.with_column("split", ["train", "query", "gallery", "gallery", "gallery"]).with_column(
        "camid", ["1"] * 5
    )
    assert totals(test) == Totals(2, 4, 1, None), "distractors are not searched for"


def test_differences_are_named() -> None:
    published = PUBLISHED["market1501"]
    manifest = complete(published)
    some = manifest.select(np.arange(len(manifest)) != 5).with_column("junk", [False] * (len(manifest) - 1))
    (finding,) = differences(compare(statistics(some), published), published.title, "warning")
    assert (finding.severity, finding.count) == ("warning", 3)
    assert finding.examples == (
        "train has 12,935 images, published 12,936",
        "gallery has 19,732 images, published 15,913",
        "gallery has 0 junk, published 3,819",
    )


def test_veri_is_published_with_two_numbers_and_views_only_count_where_known() -> None:
    published = PUBLISHED["veri776"]
    manifest = complete(published)
    pids = [pid.replace("train575", "train0") for pid in manifest.column("pid")]
    manifest = manifest.with_column("pid", pids)
    assert statistics(manifest).splits["train"].identities == 575
    assert not any(one.differs for one in compare(statistics(manifest), published))
    without = manifest.with_column("viewid", [None] * len(manifest))
    assert not any(one.differs for one in compare(statistics(without), published))
    views = np.minimum(manifest.column("viewid").astype(float), 6)  # null becomes NaN
    fewer = manifest.with_column("viewid", [None if np.isnan(view) else str(int(view)) for view in views])
    assert [one.what for one in compare(statistics(fewer), published) if one.differs] == ["views"]


def test_a_split_that_is_absent_differs() -> None:
    published = PUBLISHED["dukemtmc"]
    manifest = complete(published)
    train = statistics(manifest.split("train"))
    assert {one.split for one in compare(train, published) if one.differs} == {"query", "gallery"}


@pytest.mark.parametrize("name", ["msmt17_without_val", "vehicleid_1600", "luperson", "luperson_cfs_60"])
def test_a_copy_that_lacks_an_image_is_compared_with_its_own_set(name: str) -> None:
    published = PUBLISHED[name]
    if name.startswith("luperson"):
        count = published.splits[UNASSIGNED].images - 7
        nothing = statistics(Manifest.from_columns({"image": ["a"]}, "/"))
        counts = replace(nothing, splits={UNASSIGNED: replace(nothing.splits[UNASSIGNED], images=count)})
    else:
        manifest = complete(published)
        counts = statistics(manifest.select(np.arange(len(manifest)) > 0))  # the first row is of train
    assert choose(None, _format(name), counts) is published


def test_choose() -> None:
    counts = statistics(Manifest.from_columns({"image": ["a"]}, "/"))
    assert choose("none", "market1501", counts) is None
    assert choose(None, None, counts) is None
    assert choose(None, "csv_table", counts) is None
    assert choose("dukemtmc", "market1501", counts) is PUBLISHED["dukemtmc"]
    with pytest.raises(DataError, match=r"no published sizes are known of 'market'; did you mean market1501\?"):
        choose("market", None, counts)
    with pytest.raises(DataError, match=r"'xyz'; there are market1501, .*, and none"):
        choose("xyz", None, counts)
