"""Fixtures that many tests share: a tiny data set on disk and its manifest."""

import colorsys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from resight.data.manifest import Manifest


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the crops of tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def tiny_manifest(tmp_path: Path) -> Manifest:
    """8 identities x 2 cameras x 2 images of 32 x 64 pixels: one hue for each identity, darker in camera 2.

    Identities 0001 to 0004 are train; of the others the first image of each camera is query, the second gallery.
    The images lie in `tmp_path / "tiny"`.
    """
    root = tmp_path / "tiny"
    root.mkdir()
    columns: dict[str, list[str]] = {"image": [], "pid": [], "camid": [], "split": []}
    for identity in range(1, 9):
        for camera in (1, 2):
            for number in range(2):
                name = f"{identity:04d}_c{camera}_{number}.png"
                red, green, blue = colorsys.hsv_to_rgb(identity / 8, 0.9, 1.0 / camera)
                colour = (int(255 * red), int(255 * green), int(200 * blue) + 20 * number)
                Image.new("RGB", (32, 64), colour).save(root / name)
                test_split = "gallery" if number else "query"
                columns["image"].append(name)
                columns["pid"].append(f"{identity:04d}")
                columns["camid"].append(str(camera))
                columns["split"].append("train" if identity <= 4 else test_split)
    return Manifest.from_columns(columns, root)
