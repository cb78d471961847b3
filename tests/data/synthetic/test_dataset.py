"""The Market-1501 layout: names, splits, and the same bytes for the same arguments."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from resight.data.synthetic import write_market1501_layout

NAME = re.compile(r"^(-?\d+)_c(\d+)s(\d+)_(\d+)_(\d+)\.jpg$")
SMALL: dict[str, Any] = {"train_ids": 3, "test_ids": 3, "cameras": 3, "images_per_camera": 2, "image_size": (64, 32)}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids_and_cameras(folder: Path) -> list[tuple[int, int]]:
    found = []
    for path in sorted(folder.iterdir()):
        match = NAME.match(path.name)
        assert match, path.name
        found.append((int(match[1]), int(match[2])))
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market1501_layout(tmp_path_factory.mktemp("set") / "market", distractors=5, **SMALL)


def test_same_arguments_give_same_bytes(written: Path, tmp_path: Path) -> None:
    assert contents(write_market1501_layout(tmp_path, distractors=5, **SMALL)) == contents(written)


def test_more_identities_leave_the_others_as_they_are(written: Path, tmp_path: Path) -> None:
    write_market1501_layout(tmp_path, **{**SMALL, "train_ids": 1, "test_ids": 1})
    mine = contents(tmp_path / "bounding_box_train")
    assert mine.items() <= contents(written / "bounding_box_train").items()


def test_another_seed_gives_other_bytes(written: Path, tmp_path: Path) -> None:
    write_market1501_layout(tmp_path, distractors=5, seed=1, **SMALL)
    assert not set(contents(tmp_path).values()) & set(contents(written).values())


def test_splits_follow_the_protocol(written: Path) -> None:
    train = ids_and_cameras(written / "bounding_box_train")
    query = ids_and_cameras(written / "query")
    gallery = ids_and_cameras(written / "bounding_box_test")
    assert {pid for pid, _ in train} == {1, 2, 3}
    assert {pid for pid, _ in query} == {4, 5, 6}
    assert len(set(query)) == len(query)
    for pid, camera in query:
        assert any(other == pid and place != camera for other, place in gallery)
    assert [pid for pid, _ in gallery].count(0) == 5
    assert [pid for pid, _ in gallery].count(-1) == 3
    seen = defaultdict(set)
    for pid, camera in train + query:
        seen[pid].add(camera)
    assert all(len(cameras) >= 2 for cameras in seen.values())


def test_not_every_camera_sees_every_identity(tmp_path: Path) -> None:
    write_market1501_layout(tmp_path, train_ids=6, test_ids=2, cameras=5, images_per_camera=2, image_size=(32, 32))
    pairs = set(ids_and_cameras(tmp_path / "bounding_box_train"))
    assert 12 <= len(pairs) < 30


def test_images_have_the_size_asked_for(written: Path) -> None:
    with Image.open(next((written / "query").iterdir())) as image:
        assert image.size == (32, 64)
        assert image.mode == "RGB"


def test_progress_counts_to_the_total(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_market1501_layout(tmp_path, progress=lambda done, total: calls.append((done, total)), **SMALL)
    images = sum(1 for _ in tmp_path.rglob("*.jpg"))
    assert calls == [(done, images) for done in range(1, images + 1)]


def test_a_complete_set_is_left_as_it_is(tmp_path: Path) -> None:
    write_market1501_layout(tmp_path, **SMALL)
    calls: list[int] = []
    assert write_market1501_layout(tmp_path, progress=lambda done, _: calls.append(done), **SMALL) == tmp_path
    assert calls == []


def test_a_killed_run_is_finished(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(done: int, _: int) -> None:
        if done == 7:
            raise KilledError

    whole = write_market1501_layout(tmp_path / "whole", **SMALL)
    with pytest.raises(KilledError):
        write_market1501_layout(tmp_path / "half", progress=kill, **SMALL)
    torn = next((tmp_path / "half" / "bounding_box_train").iterdir())
    torn.write_bytes(torn.read_bytes()[:100])
    write_market1501_layout(tmp_path / "half", **SMALL)
    assert contents(tmp_path / "half") == contents(whole)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("train_ids", 0),
        ("test_ids", 0),
        ("cameras", 1),
        ("cameras", 100),
        ("images_per_camera", 1),
        ("image_size", (128, 16)),
        ("distractors", -1),
        ("seed", -1),
        ("train_ids", 10_000),
    ],
)
def test_a_bad_argument_is_refused_by_name(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        write_market1501_layout(tmp_path, **{**SMALL, name: value})
    assert not any(tmp_path.iterdir())
