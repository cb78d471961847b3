from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.data import Manifest
from resight.data.split import split_manifest, split_with_summary
from resight.errors import DataError

Row = tuple[str | None, str | None, str | None, bool]  # pid, camid, trackid, junk


def make(rows: list[Row], root: str | Path = "/data") -> Manifest:
    pids, cameras, tracks, junk = (list(values) for values in zip(*rows, strict=True))
    images = [f"{number:04d}.jpg" for number in range(len(rows))]
    return Manifest.from_columns(
        {"image": images, "pid": pids, "camid": cameras, "trackid": tracks, "junk": junk}, root
    )


def views(*cameras: str | None, pid: str = "1") -> list[Row]:
    return [(pid, camera, None, False) for camera in cameras]


def counts(rows: list[Row], **options: object) -> dict[tuple[str | None, str | None], int]:
    """Number of (split, camera) in a manifest whose identities all go to test."""
    split = split_manifest(make(rows), test_share=1.0, **options)
    return Counter(zip(split.column("split").tolist(), split.column("camid").tolist(), strict=True))


def of_split(rows: list[Row], **options: object) -> dict[str | None, int]:
    result: Counter[str | None] = Counter()
    for (name, _), number in counts(rows, **options).items():
        result[name] += number
    return result


def test_rich_cameras_give_one_query_each() -> None:
    assert counts(views("a", "a", "a", "b", "b")) == {
        ("query", "a"): 1,
        ("gallery", "a"): 2,
        ("query", "b"): 1,
        ("gallery", "b"): 1,
    }


def test_query_per_camera_leaves_one_image_in_the_gallery() -> None:
    assert counts(views("a", "a", "a", "b", "b"), query_per_camera=2) == {
        ("query", "a"): 2,
        ("gallery", "a"): 1,
        ("query", "b"): 1,
        ("gallery", "b"): 1,
    }


def test_two_single_images_give_one_query_and_its_match() -> None:
    assert of_split(views("a", "b")) == {"query": 1, "gallery": 1}


def test_three_single_images_give_two_queries() -> None:
    assert of_split(views("a", "b", "c")) == {"query": 2, "gallery": 1}


def test_a_rich_camera_needs_the_only_image_of_the_other() -> None:
    assert counts(views("a", "a", "a", "b")) == {("query", "a"): 1, ("gallery", "a"): 2, ("gallery", "b"): 1}


def test_of_two_only_images_beside_a_rich_camera_one_becomes_query() -> None:
    assert of_split(views("a", "a", "b", "c")) == {"query": 2, "gallery": 2}


def test_only_images_are_free_beside_two_rich_cameras() -> None:
    assert of_split(views("a", "a", "b", "b", "c")) == {"query": 3, "gallery": 2}


def test_images_without_camera_are_gallery() -> None:
    assert counts(views("a", "b", None))[("gallery", None)] == 1


def test_without_any_camera_the_split_is_inside_each_identity() -> None:
    manifest = make([*views(None, None, None, pid="1"), *views(None, pid="2"), *views(None, None, pid="3")])
    split, summary = split_with_summary(manifest, test_share=1.0)
    found = Counter(zip(split.column("pid").tolist(), split.column("split").tolist(), strict=True))
    assert found == {
        ("1", "query"): 1,
        ("1", "gallery"): 2,
        ("2", "gallery"): 1,
        ("3", "query"): 1,
        ("3", "gallery"): 1,
    }
    assert not summary.across_cameras
    assert summary.distractor_identities == 1


def test_untestable_identities_go_where_they_are_of_use() -> None:
    rows = [*views("a", "b", pid="both"), *views("a", "a", pid="one camera"), *views("a", pid="one image")]
    split, summary = split_with_summary(make(rows), test_share=1.0)
    by_pid = defaultdict(set)
    for pid, name in zip(split.column("pid"), split.column("split"), strict=True):
        by_pid[pid].add(name)
    assert by_pid == {"both": {"query", "gallery"}, "one camera": {"train"}, "one image": {"gallery"}}
    assert (summary.train_identities, summary.test_identities) == (1, 1)
    assert (summary.train_only_identities, summary.distractor_identities) == (1, 1)
    assert (summary.train_images, summary.query_images, summary.gallery_images) == (2, 1, 2)
    assert summary.to_json()["across_cameras"] is True


def test_junk_and_unlabelled_rows_stay_without_split() -> None:
    rows: list[Row] = [*views("a", "b"), ("1", "c", None, True), (None, "a", None, False), ("9", "a", None, True)]
    split, summary = split_with_summary(make(rows), test_share=1.0)
    assert split.column("split").tolist()[2:] == [None, None, None]
    assert summary.unassigned_images == 3


def test_share_and_seed() -> None:
    rows = [row for number in range(40) for row in views("a", "b", pid=str(number))]
    manifest = make(rows)
    chosen = []
    for share, seed in ((0.25, 0), (0.25, 1), (0.5, 0)):
        split, summary = split_with_summary(manifest, test_share=share, seed=seed)
        assert summary.test_identities == 40 * share
        chosen.append(set(split.split("query").identities()))
    assert chosen[0] != chosen[1]
    assert chosen[0] < chosen[2]  # a larger share adds identities, and drops none
    assert split_with_summary(manifest, test_share=0.001)[1].test_identities == 1
    assert split_with_summary(manifest, test_share=0.999)[1].train_identities == 1
    assert split_with_summary(manifest, test_share=1)[1].train_identities == 0


def test_tracks_stay_whole() -> None:
    rows: list[Row] = [("1", camera, f"{camera}{number // 3}", False) for camera in "ab" for number in range(6)]
    split = split_manifest(make(rows), test_share=1.0)
    by_track = defaultdict(set)
    for track, name in zip(split.column("trackid"), split.column("split"), strict=True):
        by_track[track].add(name)
    assert sorted(map(sorted, by_track.values())) == [["gallery"], ["gallery"], ["query"], ["query"]]


def test_boxes_of_one_image_are_rows_of_their_own() -> None:
    boxes = {"box_x": [0, 9, 0, 9], "box_y": [0] * 4, "box_w": [5] * 4, "box_h": [5] * 4}
    columns = {"image": ["a", "a", "b", "b"], "pid": ["1", "2", "1", "2"], "camid": ["x", "x", "y", "y"], **boxes}
    split = split_manifest(Manifest.from_columns(columns, "/"), test_share=0.5)
    assert sorted(split.column("split")) == ["gallery", "query", "train", "train"]


def test_refuses_to_replace_a_split(tiny_manifest: Manifest) -> None:
    with pytest.raises(DataError, match="32 of 32 rows already have a split; replace it with overwrite=True"):
        split_manifest(tiny_manifest)
    assert len(split_manifest(tiny_manifest, overwrite=True).split("train")) == 16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test_share": 0}, "test_share: expected a fraction above 0 and up to 1, came 0"),
        ({"test_share": 1.5}, "came 1.5"),
        ({"query_per_camera": 0}, "query_per_camera: expected 1 or more, came 0"),
    ],
)
def test_arguments_out_of_range(options: dict[str, float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        split_manifest(make(views("a", "b")), **options)


def test_a_test_that_leaves_nothing_to_train_on() -> None:
    manifest = make([*views("a", "b"), *views("a", pid="one image")])
    with pytest.raises(
        DataError, match=r"the test takes all 1 identities .* nothing is left to train on.*test_share=1"
    ):
        split_manifest(manifest)
    assert split_with_summary(manifest, test_share=1)[1].query_images == 1
    more = make([*views("a", "b"), *views("a", "a", pid="one camera")])
    assert split_with_summary(more)[1].train_identities == 1


def test_manifests_that_cannot_be_split() -> None:
    with pytest.raises(DataError, match="column 'pid' is empty"):
        split_manifest(make([(None, "a", None, False)]))
    with pytest.raises(DataError, match=r"none of the 1 identities can be tested.*images from two cameras"):
        split_manifest(make(views("a", "a")))
    with pytest.raises(DataError, match=r"none of the 2 identities can be tested.*two images"):
        split_manifest(make([*views(None), *views(None, pid="2")]))
    with pytest.raises(DataError, match="column 'pid' is empty"):
        split_manifest(Manifest.from_columns({"image": []}, "/"))


@st.composite
def any_rows(draw: st.DrawFn) -> list[Row]:
    pid = st.sampled_from(["1", "2", "3", "4", "5", None])
    camera = st.sampled_from(["a", "b", "c", None]) if draw(st.booleans()) else st.none()
    track = st.sampled_from(["t", "u", "v", "w", None, None, None]) if draw(st.booleans()) else st.none()
    junk = st.sampled_from([False, False, False, True])
    return draw(st.lists(st.tuples(pid, camera, track, junk), min_size=1, max_size=24))


def _has_two_cameras(rows: list[Row], pid: str) -> bool:
    """Two rows without track in two known cameras: enough for a query and its match, whatever else there is."""
    return len({row[1] for row in rows if row[0] == pid and row[1] and row[2] is None and not row[3]}) > 1


@settings(max_examples=120, deadline=None)
@given(any_rows(), st.sampled_from([0.2, 0.5, 1.0]), st.integers(1, 3), st.integers(0, 9), st.randoms())
def test_guarantees(rows: list[Row], share: float, quota: int, seed: int, shuffler: object) -> None:
    manifest = make(rows)
    options = {"test_share": share, "query_per_camera": quota, "seed": seed}
    try:
        split, summary = split_with_summary(manifest, **options)
    except DataError as error:
        if "nothing is left to train on" in str(error):
            assert share < 1
            assert split_with_summary(manifest, **{**options, "test_share": 1.0})[1].train_images == 0
            return
        # Nobody can be tested: of no identity two cameras, or two images, can be parted.
        assert not any(_has_two_cameras(rows, pid) for pid in "12345")
        return
    names = split.column("split").tolist()
    used = [(row, name) for row, name in zip(rows, names, strict=True) if name is not None]
    assert [name is None for name in names] == [row[0] is None or row[3] for row in rows]
    train = {row[0] for row, name in used if name == "train"}
    test = {row[0] for row, name in used if name != "train"}
    assert not train & test
    known = any(row[1] is not None for row, _ in used)
    gallery = [row for row, name in used if name == "gallery"]
    queries = [row for row, name in used if name == "query"]
    assert queries
    for pid, camera, _, _ in queries:  # a match in another known camera, or anywhere if no camera is known
        matches = [row for row in gallery if row[0] == pid]
        assert any(row[1] is not None and row[1] != camera for row in matches) if known else matches
    tracks = defaultdict(set)
    for row, name in used:
        if row[2] is not None:
            tracks[row[2]].add(name)
    assert all(len(found) == 1 for found in tracks.values())
    untracked = Counter((row[0], row[1]) for row in queries if row[2] is None)
    assert all(number <= quota for number in untracked.values())
    assert summary.query_images + summary.gallery_images + summary.train_images + summary.unassigned_images == len(rows)
    assert summary.test_identities == len({row[0] for row in queries})
    assert summary.train_identities == len(train)
    assert summary.distractor_identities == len(test) - summary.test_identities
    order = list(range(len(rows)))
    shuffler.shuffle(order)
    again = split_manifest(manifest.select(order), **options)
    assert again.column("split").tolist() == [names[position] for position in order]


def test_large_manifests_are_fast(tmp_path: Path) -> None:
    number = np.arange(40_000)
    columns = {"image": [f"{n}.jpg" for n in number], "pid": number // 20, "camid": number % 7}
    split, summary = split_with_summary(Manifest.from_columns(columns, tmp_path))
    assert summary.test_identities == 1000
    assert summary.query_images == 7000
    assert len(split.split("train")) == 20_000
