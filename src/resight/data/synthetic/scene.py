"""The place behind the people: one wide picture per camera, drawn once and cut for every crop."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from resight.data.synthetic.camera import Camera, SceneKind
from resight.data.synthetic.canvas import SUPERSAMPLING
from resight.data.synthetic.chance import between, chance, pick
from resight.data.synthetic.palette import Colour, jitter, mix, scale, upper_colour

_GROUNDS: dict[SceneKind, tuple[Colour, Colour]] = {  # ground, wall
    "street": ((104, 104, 106), (150, 138, 124)),
    "plaza": ((168, 162, 152), (120, 124, 132)),
    "lawn": ((98, 128, 66), (74, 100, 62)),
    "corridor": ((158, 154, 148), (206, 202, 194)),
    "shops": ((140, 132, 126), (92, 82, 80)),
    "carpark": ((88, 90, 94), (128, 132, 136)),
}
_MATERIALS: tuple[Colour, ...] = (
    *(ground for ground, _ in _GROUNDS.values()),
    (66, 64, 64),
    (128, 108, 92),
    (196, 192, 184),
)
_SIZE_STEP = 64  # pixels of a finished crop
_HORIZON = 0.42  # of the scene's height


def cut_background(camera: Camera, rng: np.random.Generator, image_size: tuple[int, int]) -> Image.Image:
    """What the camera sees around one box.

    Args:
        camera: whose place it is.
        rng: draws where the box lies.
        image_size: (height, width) of the finished crop, pixels.

    Returns:
        A new RGB image, `SUPERSAMPLING` times as large as `image_size`.
    """
    height, width = image_size[0] * SUPERSAMPLING, image_size[1] * SUPERSAMPLING
    step = _SIZE_STEP * SUPERSAMPLING
    unit = step * math.ceil(max(height, width / 2.0) / step)  # few sizes, so that odd boxes share one scene
    scene = _draw_scene(camera.scene, camera.scene_seed, unit * 3, unit * 3 // 2)
    left = int(rng.integers(scene.width - width))
    # A camera that looks down has its horizon high in the picture.
    lowest = scene.height - height
    top = int(lowest * min(1.0, 0.25 + 1.6 * camera.pitch) * between(rng, 0.7, 1.0))
    return scene.crop((left, top, left + width, top + height))


@lru_cache(maxsize=32)
def _draw_scene(kind: SceneKind, seed: int, width: int, height: int) -> Image.Image:
    rng = np.random.default_rng([seed, 7])
    ground, wall = (scale(jitter(rng, colour, 4.0), between(rng, 0.85, 1.15)) for colour in _GROUNDS[kind])
    image = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(image)
    horizon = int(height * _HORIZON)
    _draw_patches(pen, rng, ground, (width, height, horizon))
    _draw_wall(pen, rng, kind, wall, (width, horizon))
    _draw_ground(pen, rng, kind, ground, (width, height, horizon))
    for _ in range(9):
        _draw_object(pen, rng, kind, (width, height, horizon))
    image = image.filter(ImageFilter.GaussianBlur(height / 190.0))
    return _add_texture(image, rng)


def _draw_wall(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, kind: SceneKind, wall: Colour, size: tuple[int, int]
) -> None:
    """Buildings, windows, doors or trees along the horizon."""
    width, horizon = size
    x = 0
    while x < width:
        step = int(horizon * between(rng, 0.35, 1.0))
        shade = scale(wall, between(rng, 0.7, 1.2))
        if kind == "lawn":
            for _ in range(5):
                cx, cy, r = x + step * rng.random(), horizon * rng.random(), horizon * between(rng, 0.15, 0.4)
                pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=scale(wall, between(rng, 0.55, 1.35)))
            pen.rectangle((x, horizon * 0.4, x + horizon // 14, horizon), fill=(78, 62, 48))
        else:
            pen.rectangle((x, 0, x + step, horizon), fill=shade)
            glass = (
                mix(upper_colour(rng), (90, 92, 98), 0.65)
                if kind == "shops"
                else scale(jitter(rng, (74, 82, 92), 6.0), between(rng, 0.6, 1.5))
            )
            inset = step // 7
            pen.rectangle((x + inset, horizon * 0.22, x + step - inset, horizon * 0.82), fill=glass)
            if kind in ("shops", "street"):
                pen.rectangle((x, horizon * 0.08, x + step, horizon * 0.17), fill=mix(upper_colour(rng), wall, 0.55))
            pen.line((x, 0, x, horizon), fill=scale(wall, 0.5), width=max(1, horizon // 40))
        x += step


def _draw_patches(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, ground: Colour, size: tuple[int, int, int]
) -> None:
    """Other materials side by side with the ground's own: places in one camera differ, cameras share materials."""
    width, height, horizon = size
    x = 0
    while x < width:
        step = int(height * between(rng, 0.2, 0.8))
        colour = scale(ground if chance(rng, 0.35) else pick(rng, _MATERIALS), between(rng, 0.75, 1.2))
        slope = int(height * between(rng, -0.3, 0.3))
        pen.polygon((x, horizon, width, horizon, width, height, x + slope, height), fill=colour)
        x += step


def _draw_ground(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, kind: SceneKind, ground: Colour, size: tuple[int, int, int]
) -> None:
    """Tiles, kerbs, lanes or paths, in perspective."""
    width, height, horizon = size
    deep = height - horizon
    line = scale(ground, 0.72 if kind != "carpark" else 1.8)
    thick = max(1, height // 200)
    if kind in ("plaza", "corridor", "shops", "carpark"):
        for x in range(-3 * width, 4 * width, int(height * between(rng, 0.3, 0.6))):
            pen.line(((x + width) / 3.0, horizon, x, height), fill=line, width=thick)
    if kind in ("plaza", "corridor", "shops"):
        for step in range(1, 12):
            y = horizon + deep * (step / 12.0) ** 2
            pen.line((0, y, width, y), fill=line, width=thick)
    if kind in ("street", "lawn", "carpark"):
        y = horizon + deep * between(rng, 0.1, 0.3)
        kerb = scale(ground, 1.35) if kind != "lawn" else (172, 158, 132)
        pen.rectangle((0, y, width, y + deep * between(rng, 0.06, 0.2)), fill=kerb)
    if kind == "street":
        y = horizon + deep * 0.7
        for x in range(0, width, height // 2):
            pen.rectangle((x, y, x + height // 4, y + deep * 0.05), fill=(206, 204, 196))


def _draw_object(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, kind: SceneKind, size: tuple[int, int, int]
) -> None:
    """A parked car, a bin, a pillar or a planter; no person, so that an empty place is empty."""
    width, height, horizon = size
    x, y = between(rng, 0.0, width), horizon + (height - horizon) * between(rng, 0.02, 0.3)
    unit = height * between(rng, 0.2, 0.32)
    what = pick(rng, ("car", "car", "bin", "plant") if kind in ("street", "carpark") else ("bin", "pillar", "plant"))
    colour = upper_colour(rng)
    if what == "car":
        pen.rounded_rectangle((x, y - 0.5 * unit, x + 2.2 * unit, y), 0.15 * unit, fill=colour)
        pen.polygon((x + 0.3 * unit, y - 0.5 * unit, x + 0.6 * unit, y - 0.85 * unit, x + 1.6 * unit, y - 0.85 * unit,
                     x + 1.95 * unit, y - 0.5 * unit), fill=scale(colour, 0.6))  # fmt: skip
        for wheel in (0.45, 1.75):
            centre = x + wheel * unit
            pen.ellipse((centre - 0.2 * unit, y - 0.2 * unit, centre + 0.2 * unit, y + 0.2 * unit), fill=(28, 28, 30))
    elif what == "bin":
        pen.rectangle((x, y - 0.6 * unit, x + 0.4 * unit, y), fill=colour)
        pen.rectangle((x, y - 0.6 * unit, x + 0.4 * unit, y - 0.5 * unit), fill=scale(colour, 0.6))
    elif what == "pillar":
        pen.rectangle((x, 0, x + 0.3 * unit, y), fill=scale(colour, 0.8) if chance(rng, 0.4) else (138, 136, 132))
    else:
        pen.rectangle((x, y - 0.3 * unit, x + 0.7 * unit, y), fill=(126, 112, 98))
        for _ in range(6):
            cx, cy, r = x + unit * between(rng, 0.0, 0.7), y - unit * between(rng, 0.3, 0.6), 0.16 * unit
            pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=scale((74, 100, 58), between(rng, 0.6, 1.2)))


def _add_texture(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Uneven light and grain, as a factor on the picture."""
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    light = np.ones((height, width), dtype=np.float32)
    for cells, strength in ((5, 0.2), (22, 0.1), (90, 0.07)):
        coarse = rng.normal(1.0, strength, (cells, cells * 4)).astype(np.float32)
        light *= np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))
    return Image.fromarray(np.clip(pixels * light[:, :, None], 0, 255).astype(np.uint8))
