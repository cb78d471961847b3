"""Write a labelled set in the layout and grammar of Market-1501."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from resight.data.synthetic.camera import SEQUENCES, Camera, sample_cameras
from resight.data.synthetic.chance import Stream, generator
from resight.data.synthetic.folder import claim_folder, finish_folder
from resight.data.synthetic.junk import JUNK_KINDS, render_junk
from resight.data.synthetic.person import Person, sample_person
from resight.data.synthetic.render import render_crop

TRAIN, GALLERY, QUERY = "bounding_box_train", "bounding_box_test", "query"
_MOST_IDS, _MOST_CAMERAS = 9999, 99  # what the file names have room for
_SEEN = 0.7  # share of the cameras that see an identity, on average


class _Plan(NamedTuple):
    """One image to write; `pid` -1 is junk and 0 a distractor, both numbered by `shot`."""

    folder: str
    pid: int
    camera: int
    shot: int


def write_market1501_layout(
    folder: Path,
    *,
    train_ids: int = 100,
    test_ids: int = 50,
    cameras: int = 6,
    images_per_camera: int = 4,
    image_size: tuple[int, int] = (128, 64),
    distractors: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a synthetic re-identification set that the Market-1501 converter reads.

    `bounding_box_train/`, `bounding_box_test/` and `query/` hold files `IIII_cCsS_FFFFFF_BB.jpg`. Identities 1 to
    `train_ids` are for training, the next `test_ids` for the test: one image of each camera that sees an identity is a
    query, the others are gallery. Every identity is seen by two cameras or more, seldom by all. The same arguments give
    the same bytes, in any order and process. A complete set with the same arguments is left as it is; a half-written
    one is finished.

    Args:
        folder: a new or empty folder, or one with the same set.
        train_ids: number of identities for training, >= 1.
        test_ids: number of identities for the test, >= 1.
        cameras: number of cameras, 2..99.
        images_per_camera: images of each identity in each camera that sees it, >= 2.
        image_size: (height, width) in pixels, each at least 32.
        distractors: number of gallery images of people who are no query (identity 0000). Half as many junk images
            (identity -1, rounded up) come on top.
        seed: >= 0.
        progress: called as progress(done, total) after each image.

    Returns:
        `folder`.

    Raises:
        ValueError: if an argument is out of range.
        DataError: if the folder holds other files, or a set with other arguments.
    """
    _check_arguments(train_ids, test_ids, cameras, images_per_camera, image_size, distractors, seed)
    folder = Path(folder)
    arguments: dict[str, object] = {
        "kind": "market1501",
        "train_ids": train_ids,
        "test_ids": test_ids,
        "cameras": cameras,
        "images_per_camera": images_per_camera,
        "image_size": list(image_size),
        "distractors": distractors,
        "seed": seed,
    }
    if not claim_folder(folder, arguments):
        return folder
    plans = [
        *_plan_identities(seed, range(1, train_ids + 1), cameras, images_per_camera, test=False),
        *_plan_identities(seed, range(train_ids + 1, train_ids + test_ids + 1), cameras, images_per_camera, test=True),
        *(_Plan(GALLERY, 0, shot % cameras, shot) for shot in range(distractors)),
        *(_Plan(GALLERY, -1, shot % cameras, shot) for shot in range((distractors + 1) // 2)),
    ]
    _write_images(folder, plans, sample_cameras(generator(seed, Stream.CAMERAS), cameras), seed, image_size, progress)
    finish_folder(folder)
    return folder


def _write_images(
    folder: Path,
    plans: list[_Plan],
    cameras: list[Camera],
    seed: int,
    image_size: tuple[int, int],
    progress: Callable[[int, int], None] | None,
) -> None:
    for name in (TRAIN, GALLERY, QUERY):
        (folder / name).mkdir(exist_ok=True)
    for done, plan in enumerate(plans, start=1):
        image = _render(plan, cameras[plan.camera], seed, image_size)
        image.save(folder / plan.folder / _name(plan, seed), quality=cameras[plan.camera].jpeg_quality)
        if progress is not None:
            progress(done, len(plans))


def _check_arguments(
    train_ids: int,
    test_ids: int,
    cameras: int,
    images_per_camera: int,
    image_size: tuple[int, int],
    distractors: int,
    seed: int,
) -> None:
    least = {
        "train_ids": (train_ids, 1),
        "test_ids": (test_ids, 1),
        "cameras": (cameras, 2),
        "images_per_camera": (images_per_camera, 2),
        "image_size": (min(image_size), 32),
        "distractors": (distractors, 0),
        "seed": (seed, 0),
    }
    for name, (value, low) in least.items():
        if value < low:
            raise ValueError(f"write_market1501_layout: expected {name} >= {low}, got {value}. Pass {low} or more.")
    if train_ids + test_ids > _MOST_IDS or cameras > _MOST_CAMERAS:
        raise ValueError(
            f"write_market1501_layout: expected train_ids + test_ids <= {_MOST_IDS} and cameras <= {_MOST_CAMERAS}, "
            f"got {train_ids + test_ids} and {cameras}. File names have no room for more; pass fewer."
        )


def _plan_identities(seed: int, pids: range, cameras: int, images: int, *, test: bool) -> Iterator[_Plan]:
    for pid in pids:
        for camera in _seen_by(generator(seed, Stream.TRACK, pid), cameras):
            for index in range(images):
                folder = (QUERY if index == 0 else GALLERY) if test else TRAIN
                yield _Plan(folder, pid, camera, index)


def _seen_by(rng: np.random.Generator, cameras: int) -> list[int]:
    """The cameras that see one identity, two or more, in ascending order."""
    count = max(2, int(rng.binomial(cameras, _SEEN)))
    return sorted(int(camera) for camera in rng.permutation(cameras)[:count])


@lru_cache(maxsize=64)
def _track(seed: int, pid: int, camera: int) -> tuple[int, int]:
    """Sequence and first frame of one identity's walk past one camera."""
    rng = generator(seed, Stream.TRACK, pid, camera)
    return 1 + int(rng.integers(SEQUENCES)), int(rng.integers(1, 80_000))


def _name(plan: _Plan, seed: int) -> str:
    if plan.pid > 0:
        sequence, first = _track(seed, plan.pid, plan.camera)
        return f"{plan.pid:04d}_c{plan.camera + 1}s{sequence}_{first + 25 * plan.shot:06d}_01.jpg"
    who = "-1" if plan.pid < 0 else "0000"
    frame, box = divmod(plan.shot, 50)  # the frame and the box number tell them apart
    return f"{who}_c{plan.camera + 1}s1_{frame:06d}_{box:02d}.jpg"


def _render(plan: _Plan, camera: Camera, seed: int, image_size: tuple[int, int]) -> Image.Image:
    if plan.pid > 0:
        camera = camera.in_sequence(_track(seed, plan.pid, plan.camera)[0])
        rng = generator(seed, Stream.IMAGE, plan.pid, plan.camera, plan.shot)
        return render_crop(_person(seed, plan.pid), camera, rng, image_size)
    rng = generator(seed, Stream.DISTRACTOR if plan.pid == 0 else Stream.JUNK, plan.shot)
    person = sample_person(rng)
    if plan.pid == 0:
        return render_crop(person, camera, rng, image_size)
    return render_junk(JUNK_KINDS[plan.shot % len(JUNK_KINDS)], person, camera, rng, image_size)


@lru_cache(maxsize=64)
def _person(seed: int, pid: int) -> Person:
    return sample_person(generator(seed, Stream.PERSON, pid))
