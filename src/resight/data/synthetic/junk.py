"""Crops that a detector should not have made, one kind at a time."""

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from resight.data.synthetic.camera import Camera
from resight.data.synthetic.chance import between, chance, pick
from resight.data.synthetic.person import Person
from resight.data.synthetic.render import Framing, render_crop, render_framed

JunkKind: TypeAlias = Literal["no_person", "fragment", "extreme_blur", "wrong_aspect"]
JUNK_KINDS: tuple[JunkKind, ...] = ("no_person", "fragment", "extreme_blur", "wrong_aspect")


def render_junk(
    kind: JunkKind, person: Person, camera: Camera, rng: np.random.Generator, image_size: tuple[int, int] = (128, 64)
) -> Image.Image:
    """Render one bad crop.

    Args:
        kind: `no_person` is an empty place, `fragment` shows a third of a body or less, `extreme_blur` leaves no
            garment readable, `wrong_aspect` is a file far wider or narrower than `image_size`.
        person: whose crop it would have been; not seen in `no_person`.
        camera: by which camera.
        rng: draws the moment.
        image_size: (height, width) in pixels of a good crop, each at least 32.

    Returns:
        RGB image; of `image_size` unless `kind` is `wrong_aspect`.

    Raises:
        ValueError: if `kind` is unknown or `image_size` too small.
    """
    if kind not in JUNK_KINDS:
        raise ValueError(f"render_junk: expected one of {', '.join(JUNK_KINDS)}, got {kind!r}.")
    if min(image_size) < 32:
        raise ValueError(f"render_junk: expected image_size >= 32 pixels each, got {image_size}. Use a larger one.")
    if kind == "no_person":
        empty = replace(camera, crowd=0.0, occluders=tuple(k for k in camera.occluders if k not in _NEEDS_A_BODY))
        return render_framed(None, empty, Framing(0.88, 0.5, 0.95), rng, image_size)
    if kind == "fragment":
        return render_framed(person, replace(camera, crowd=0.0, occlusion=0.0), _fragment(rng), rng, image_size)
    if kind == "extreme_blur":
        return _blur(render_crop(person, camera, rng, image_size), rng)
    return _render_wrong_aspect(person, camera, rng, image_size)


_NEEDS_A_BODY = ("person", "box", "umbrella")


def _fragment(rng: np.random.Generator) -> Framing:
    """A box on the legs, on the head, or past one side of the body."""
    part = pick(rng, ("feet", "head", "side"))
    size = between(rng, 2.4, 3.6)
    if part == "feet":
        return Framing(size, between(rng, 0.2, 0.8), between(rng, 0.85, 1.1))
    if part == "head":
        return Framing(size, between(rng, 0.3, 0.7), size + between(rng, -0.05, 0.25))
    inside = between(rng, -0.03, 0.06)  # of the width: half of the body lies past the edge
    return Framing(between(rng, 0.9, 1.3), pick(rng, (inside, 1.0 - inside)), between(rng, 0.95, 1.2))


def _blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    unit = image.height / 128.0
    if chance(rng, 0.4):
        return image.filter(ImageFilter.BoxBlur((between(rng, 10.0, 16.0) * unit, 3.0 * unit)))
    return image.filter(ImageFilter.GaussianBlur(between(rng, 5.0, 8.0) * unit))


def _render_wrong_aspect(
    person: Person, camera: Camera, rng: np.random.Generator, image_size: tuple[int, int]
) -> Image.Image:
    """A box as wide as it is high or wider, or a sliver; the file keeps the box's own shape."""
    height, width = image_size
    if chance(rng, 0.65):
        size = (max(32, int(height * between(rng, 0.4, 0.75))), int(height * between(rng, 0.85, 1.3)))
        framing = Framing(between(rng, 0.8, 1.5), between(rng, 0.2, 0.8), between(rng, 0.95, 1.3))
    else:
        size = (height, max(16, int(width * between(rng, 0.28, 0.42))))
        framing = Framing(between(rng, 1.2, 2.2), between(rng, 0.2, 0.8), between(rng, 0.95, 1.1))
    return render_framed(person, camera, framing, rng, size)
