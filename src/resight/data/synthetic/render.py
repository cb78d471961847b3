"""One crop: a person, a camera and a moment in, an image out."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from resight.data.synthetic.body import sample_pose
from resight.data.synthetic.camera import Camera
from resight.data.synthetic.canvas import NEUTRAL, Canvas
from resight.data.synthetic.chance import between, chance, pick
from resight.data.synthetic.figure import draw_person
from resight.data.synthetic.occluders import draw_occluder, draw_passer_by
from resight.data.synthetic.optics import photograph
from resight.data.synthetic.person import Person
from resight.data.synthetic.scene import cut_background
from resight.data.synthetic.view import View

_SMALLEST = 16


@dataclass(frozen=True, slots=True)
class Framing:
    """Where a detector's box lies on the person.

    Args:
        height: of the person, as a share of the box's height (of twice its width, if that is less).
        centre: column of the feet, as a share of the box's width.
        feet: row of the feet, as a share of the box's height.
    """

    height: float
    centre: float
    feet: float


def sample_framing(camera: Camera, rng: np.random.Generator) -> Framing:
    """Draw the box of one detection: mostly good, off by the camera's jitter, sometimes cut.

    Args:
        camera: gives the size of the errors and the probability of a cut.
        rng: where the draws come from.

    Returns:
        The framing.
    """
    wobble = [float(value) * camera.jitter for value in rng.normal(0.0, 1.0, 3)]
    height, centre, feet = 0.92 + 0.03 * wobble[0], 0.5 + 0.035 * wobble[1], 0.965 + 0.016 * wobble[2]
    if chance(rng, camera.cut):
        end = pick(rng, ("feet", "feet", "head", "side"))
        if end == "feet":
            height *= between(rng, 1.15, 1.55)
            feet = height + between(rng, 0.03, 0.07)
        elif end == "head":
            height *= between(rng, 1.08, 1.2)
        else:
            centre += pick(rng, (-1.0, 1.0)) * between(rng, 0.2, 0.34)
    return Framing(height=height, centre=centre, feet=feet)


def render_crop(
    person: Person, camera: Camera, rng: np.random.Generator, image_size: tuple[int, int] = (128, 64)
) -> Image.Image:
    """Render one crop of a person as a camera's detector would cut it.

    Args:
        person: who, see `sample_person`.
        camera: by which camera, see `sample_cameras`.
        rng: draws the moment: heading, pose, light, box, occluders. The same state gives the same crop.
        image_size: (height, width) in pixels, each at least 16.

    Returns:
        RGB image of that size.

    Raises:
        ValueError: if `image_size` is too small.
    """
    return render_framed(person, camera, sample_framing(camera, rng), rng, image_size)


def render_framed(
    person: Person | None, camera: Camera, framing: Framing, rng: np.random.Generator, image_size: tuple[int, int]
) -> Image.Image:
    """Render a crop whose box is given.

    Args:
        person: who, or None for an empty place (occluders still come).
        camera: by which camera.
        framing: where the box lies on the person.
        rng: draws the moment.
        image_size: (height, width) in pixels, each at least 16.

    Returns:
        RGB image of that size.

    Raises:
        ValueError: if `image_size` is too small.
    """
    if min(image_size) < _SMALLEST:
        raise ValueError(
            f"render_crop: expected image_size (height, width) >= {_SMALLEST} pixels each, got {image_size}. "
            "Render larger and resize after."
        )
    canvas = Canvas(cut_background(camera, rng, image_size))
    view = _sample_view(camera, framing, rng, image_size)
    if chance(rng, camera.crowd):
        draw_passer_by(canvas, view, rng, in_front=False)
    if person is not None:
        draw_person(canvas, person, sample_pose(rng), view)
    if chance(rng, camera.half_shade):
        _draw_half_shade(canvas, rng)
    if chance(rng, camera.occlusion):
        draw_occluder(canvas, pick(rng, camera.occluders), camera, view, rng)
    return photograph(canvas.flatten(), camera, rng)


def _sample_view(camera: Camera, framing: Framing, rng: np.random.Generator, image_size: tuple[int, int]) -> View:
    height, width = image_size
    unit = min(height, 2 * width)
    turned = math.pi if chance(rng, camera.two_way) else 0.0
    return View(
        yaw=camera.heading + turned + camera.heading_spread * float(rng.normal()),
        pitch=camera.pitch,
        perspective=camera.perspective,
        roll=0.05 * between(rng, -1.0, 1.0),
        scale=framing.height * unit / math.cos(camera.pitch),
        centre_x=framing.centre * width,
        foot_y=framing.feet * height,
        light=camera.light,
        contrast=camera.contrast,
    )


def _draw_half_shade(canvas: Canvas, rng: np.random.Generator) -> None:
    """The shadow of a roof or a tree over a part of the crop; replaces the light of what it covers."""
    h, w = canvas.height, canvas.width
    level = int(NEUTRAL * between(rng, 0.45, 0.65))
    edge, slope = between(rng, 0.25, 0.75), between(rng, -0.3, 0.3)
    if chance(rng, 0.5):
        canvas.tone([0, h * (edge - slope), w, h * (edge + slope), w, h, 0, h], level)
    else:
        canvas.tone([0, 0, w, 0, w, h * (edge + slope), 0, h * (edge - slope)], level)
