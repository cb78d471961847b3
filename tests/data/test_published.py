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


def test_choose() -> None:
    counts = statistics(Manifest.from_columns({"image": ["a"]}, "/"))
    assert choose("none", "market1501", counts) is None
    assert choose(None, None, counts) is None
    assert choose(None, "csv_table", counts) is None
    assert choose("dukemtmc", "market1501", counts) is PUBLISHED["dukemtmc"]
    assert choose(None, "luperson", counts) is PUBLISHED["luperson"]
    with pytest.raises(DataError, match=r"no published sizes are known of 'market'; did you mean market1501\?"):
        choose("market", None, counts)
    with pytest.raises(DataError, match=r"'xyz'; there are market1501, .*, and none"):
        choose("xyz", None, counts)
