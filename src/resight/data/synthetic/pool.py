"""Write an unlabelled pool for pre-training and filtering, with the truth about its junk."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from resight.data.synthetic.camera import SEQUENCES, Camera, sample_cameras
from resight.data.synthetic.chance import Stream, generator
from resight.data.synthetic.folder import claim_folder, finish_folder
from resight.data.synthetic.junk import JUNK_KINDS, JunkKind, render_junk
from resight.data.synthetic.person import Person, sample_person
from resight.data.synthetic.render import render_crop

_IMAGES_PER_FOLDER = 1000
_IMAGES_PER_PERSON = 8
_SCHEMA = pa.schema([(name, pa.string()) for name in ("image", "camid", "split", "pid", "junk_kind")])


def write_pool(
    folder: Path,
    *,
    images: int,
    junk_share: float = 0.4,
    cameras: int = 6,
    image_size: tuple[int, int] = (128, 64),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write unlabelled crops, some of them junk, and a manifest that knows which.

    Images lie in `images/`, 1000 to a sub-folder. The columns of `manifest.parquet` are all text: `image` (relative to
    `folder`), `camid`, `split` (always train), `pid` (always null) and `junk_kind` (null for a good crop, else
    `no_person`, `fragment`, `extreme_blur` or `wrong_aspect`). A person comes about eight times. The same arguments
    give the same bytes; a complete pool is left as it is, a half-written one finished.

    Args:
        folder: a new or empty folder, or one with the same pool.
        images: number of crops, >= 1.
        junk_share: fraction 0..1 of them that is junk; exactly `round(images * junk_share)`, kinds in equal parts.
        cameras: number of cameras, >= 2.
        image_size: (height, width) in pixels of the good crops, each at least 32.
        seed: >= 0.
        progress: called as progress(done, total) after each image.

    Returns:
        Path of the manifest.

    Raises:
        ValueError: if an argument is out of range.
        DataError: if the folder holds other files, or a pool with other arguments.
    """
    _check_arguments(images, junk_share, cameras, image_size, seed)
    folder = Path(folder)
    manifest = folder / "manifest.parquet"
    arguments: dict[str, object] = {
        "kind": "pool",
        "images": images,
        "junk_share": junk_share,
        "cameras": cameras,
        "image_size": list(image_size),
        "seed": seed,
    }
    if not claim_folder(folder, arguments):
        return manifest
    kinds = _plan_junk(seed, images, junk_share)
    styles = sample_cameras(generator(seed, Stream.CAMERAS), cameras)
    rows = _write_images(folder, kinds, styles, seed, image_size, progress)
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), manifest)
    finish_folder(folder)
    return manifest


def _write_images(
    folder: Path,
    kinds: list[JunkKind | None],
    cameras: list[Camera],
    seed: int,
    image_size: tuple[int, int],
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, str | None]]:
    """Write one image for each kind; the manifest's rows."""
    rows: list[dict[str, str | None]] = []
    for index, kind in enumerate(kinds):
        path = f"images/{index // _IMAGES_PER_FOLDER:04d}/{index:07d}.jpg"
        if index % _IMAGES_PER_FOLDER == 0:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        rng = generator(seed, Stream.POOL_IMAGE, index)
        number = int(rng.integers(len(cameras)))
        camera = cameras[number].in_sequence(1 + int(rng.integers(SEQUENCES)))
        person = _person(seed, index // _IMAGES_PER_PERSON)
        if kind is None:
            image = render_crop(person, camera, rng, image_size)
        else:
            image = render_junk(kind, person, camera, rng, image_size)
        image.save(folder / path, quality=camera.jpeg_quality)
        rows.append({"image": path, "camid": str(number + 1), "split": "train", "pid": None, "junk_kind": kind})
        if progress is not None:
            progress(index + 1, len(kinds))
    return rows


def _check_arguments(images: int, junk_share: float, cameras: int, image_size: tuple[int, int], seed: int) -> None:
    if not 0.0 <= junk_share <= 1.0:
        raise ValueError(f"write_pool: expected junk_share within 0..1, got {junk_share}. Pass a fraction.")
    least = {"images": (images, 1), "cameras": (cameras, 2), "image_size": (min(image_size), 32), "seed": (seed, 0)}
    for name, (value, low) in least.items():
        if value < low:
            raise ValueError(f"write_pool: expected {name} >= {low}, got {value}. Pass {low} or more.")


def _plan_junk(seed: int, images: int, junk_share: float) -> list[JunkKind | None]:
    """The kind of each image, None for a good one; junk is spread over the whole pool."""
    kinds: list[JunkKind | None] = [None] * images
    order = generator(seed, Stream.POOL_PLAN).permutation(images)
    for place, index in enumerate(order[: round(images * junk_share)]):
        kinds[int(index)] = JUNK_KINDS[place % len(JUNK_KINDS)]
    return kinds


@lru_cache(maxsize=64)
def _person(seed: int, number: int) -> Person:
    return sample_person(generator(seed, Stream.POOL_PERSON, number))
