import shutil
from pathlib import Path

import pytest
from PIL import Image

from resight.data import Manifest
from resight.data.check import check
from resight.data.finding import Finding


def found(manifest: Manifest, **options: object) -> dict[str, Finding]:
    return {finding.check: finding for finding in check(manifest, **options)}


def with_boxes(manifest: Manifest, box: tuple[float, float, float, float]) -> Manifest:
    for name, value in zip(("box_x", "box_y", "box_w", "box_h"), box, strict=True):
        manifest = manifest.with_column(name, [value] + [None] * (len(manifest) - 1))
    return manifest


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    "spoil",
    [
        _truncate,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<html>not found</html>"),
        lambda path: path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(50)),
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50)),
    ],
    ids=["truncated", "empty", "html", "broken jpeg", "broken png"],
)
def test_broken_images(tiny_manifest: Manifest, spoil) -> None:
    spoil(tiny_manifest.image_path(5))
    assert "broken_image" not in found(tiny_manifest)
    result = found(tiny_manifest, decode=True)["broken_image"]
    assert (result.severity, result.count, result.examples) == ("error", 1, ("0002_c1_1.png",))


def test_a_folder_in_place_of_an_image(tiny_manifest: Manifest) -> None:
    tiny_manifest.image_path(0).unlink()
    tiny_manifest.image_path(0).mkdir()
    assert found(tiny_manifest, decode=True)["missing_file"].count == 1


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1"])
def test_odd_modes_are_no_finding(tiny_manifest: Manifest, mode: str) -> None:
    path = tiny_manifest.image_path(0)
    Image.new(mode, (32, 64)).save(path, format="TIFF")
    assert check(tiny_manifest, decode=True) == []


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 32, 64), None),
        ((0.5, 0.5, 32, 64), None),  # less than a pixel over the edge
        ((8, 8, 30, 20), "box_beyond_edge"),
        ((-5, 0, 20, 20), "box_beyond_edge"),
        ((40, 0, 20, 20), "box_outside"),
        ((0, -30, 20, 20), "box_outside"),
        ((0, 0, 20, 3), "tiny_image"),
    ],
)
def test_boxes(tiny_manifest: Manifest, box: tuple[float, float, float, float], expected: str | None) -> None:
    result = found(with_boxes(tiny_manifest, box), decode=True)
    assert set(result) == ({expected} if expected else set())


def test_tiny_images(tiny_manifest: Manifest) -> None:
    Image.new("RGB", (4, 64)).save(tiny_manifest.image_path(0))
    result = found(tiny_manifest, decode=True)["tiny_image"]
    assert (result.severity, result.count) == ("warning", 1)
    assert found(tiny_manifest, decode=True, min_side=4) == {}
    assert found(tiny_manifest, decode=True, min_side=33)["tiny_image"].count == 32


def test_equal_content(tiny_manifest: Manifest) -> None:
    path = tiny_manifest.image_path
    shutil.copyfile(path(0), path(1))  # the same identity
    shutil.copyfile(path(4), path(9))  # 0002 and 0003
    result = found(tiny_manifest, duplicate_content=True)
    assert result["same_content"].examples == ("0001_c1_1.png",)
    assert result["content_under_two_identities"].severity == "error"
    assert result["content_under_two_identities"].examples == ("0003_c1_1.png",)
    assert found(tiny_manifest) == {}


def test_many_boxes_of_one_image_are_read_once_and_no_copies(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    boxes = {"box_x": [0, 20], "box_y": [0, 0], "box_w": [20, 20], "box_h": [30, 30]}
    manifest = Manifest.from_columns({"image": ["a.png", "a.png"], "pid": ["1", "2"], **boxes}, tmp_path)
    calls: list[tuple[int, int]] = []
    options = {"decode": True, "duplicate_content": True, "workers": 1}
    assert check(manifest, progress=lambda done, total: calls.append((done, total)), **options) == []
    assert calls == [(1, 1)]
