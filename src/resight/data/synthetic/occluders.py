"""Things between the camera and the person; each hides a part and leaves others."""

import math
from dataclasses import replace

import numpy as np

from resight.data.synthetic.body import sample_pose
from resight.data.synthetic.camera import Camera, OccluderKind
from resight.data.synthetic.canvas import NEUTRAL, Canvas
from resight.data.synthetic.chance import between, chance, pick
from resight.data.synthetic.figure import draw_person
from resight.data.synthetic.palette import jitter, scale, upper_colour
from resight.data.synthetic.person import sample_person
from resight.data.synthetic.view import View


def draw_occluder(canvas: Canvas, kind: OccluderKind, camera: Camera, view: View, rng: np.random.Generator) -> None:
    """Draw one thing in front of the person.

    Args:
        canvas: drawn on in place.
        kind: what it is.
        camera: gives the colour of what stands still, so that it is the same in all its crops.
        view: of the person behind it.
        rng: draws place and size.
    """
    if kind == "pole":
        _draw_pole(canvas, camera, rng)
    elif kind == "bush":
        _draw_bush(canvas, rng)
    elif kind == "railing":
        _draw_railing(canvas, camera, rng)
    elif kind == "car":
        _draw_car(canvas, camera, rng)
    elif kind == "board":
        _draw_board(canvas, camera, rng)
    elif kind == "person":
        draw_passer_by(canvas, view, rng, in_front=True)
    elif kind == "box":
        _draw_box(canvas, view, rng)
    else:
        _draw_umbrella(canvas, view, rng)


def draw_passer_by(canvas: Canvas, view: View, rng: np.random.Generator, *, in_front: bool) -> None:
    """Draw another person beside, before or behind this one.

    Args:
        canvas: drawn on in place.
        view: of the person that the crop is about.
        rng: draws who it is and where.
        in_front: True hides a side of the person, False stands behind and smaller.
    """
    sign = pick(rng, (-1.0, 1.0))
    if in_front:
        size, aside, lower = between(rng, 0.95, 1.2), between(rng, 0.13, 0.24), between(rng, 0.03, 0.2)
    else:
        size, aside, lower = between(rng, 0.55, 0.92), between(rng, 0.1, 0.3), between(rng, -0.14, -0.03)
    turned = view.yaw + (math.pi if chance(rng, 0.5) else 0.0) + between(rng, -0.5, 0.5)
    other = replace(
        view,
        yaw=turned,
        scale=view.scale * size,
        centre_x=view.centre_x + sign * aside * view.scale,
        foot_y=view.foot_y + lower * view.scale,
    )
    draw_person(canvas, sample_person(rng), sample_pose(rng), other)


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def _draw_pole(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    wide = canvas.height * between(rng, 0.05, 0.13)
    x = canvas.width * between(rng, 0.15, 0.75)
    colour = scale(camera.occluder_colour, 0.9)
    canvas.solid(_rectangle(x, 0, x + wide, canvas.height), colour, int(NEUTRAL * 0.7))
    bright = x + wide * (0.35 + 0.25 * camera.light)
    canvas.tone(_rectangle(bright, 0, bright + wide * 0.35, canvas.height), NEUTRAL)


def _draw_bush(canvas: Canvas, rng: np.random.Generator) -> None:
    top = canvas.height * between(rng, 0.5, 0.78)
    for _ in range(16):
        x = canvas.width * between(rng, -0.1, 1.1)
        y = top + (canvas.height - top) * between(rng, 0.05, 0.9)
        size = canvas.height * between(rng, 0.05, 0.11)
        canvas.disc(x, y, size, size * 0.8, jitter(rng, (62, 92, 46), 14.0), int(NEUTRAL * between(rng, 0.6, 1.1)))


def _draw_railing(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    top, thick = canvas.height * between(rng, 0.5, 0.66), canvas.height * 0.022
    colour = camera.occluder_colour
    step = canvas.height * between(rng, 0.055, 0.085)
    x = -step * float(rng.random())
    while x < canvas.width:
        canvas.solid(_rectangle(x, top, x + thick, canvas.height), colour, int(NEUTRAL * 0.85))
        x += step
    for y in (top, canvas.height * 0.93):
        canvas.solid(_rectangle(0, y, canvas.width, y + thick * 1.4), colour)


def _draw_car(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    h, w = canvas.height, canvas.width
    top, sign = h * between(rng, 0.58, 0.76), pick(rng, (-1, 1))
    colour = camera.occluder_colour if chance(rng, 0.5) else upper_colour(rng)
    middle = w * between(rng, 0.3, 0.7)
    edge = 0 if sign < 0 else w
    canvas.solid(_rectangle(0, top + 0.1 * h, w, h), colour, int(NEUTRAL * 0.82))
    canvas.solid([edge, top, middle, top, middle - sign * 0.12 * h, top + 0.1 * h, edge, top + 0.1 * h],
                 scale(colour, 0.45), int(NEUTRAL * 0.9))  # fmt: skip
    canvas.tone(_rectangle(0, top + 0.1 * h, w, top + 0.15 * h), int(NEUTRAL * 1.2))
    canvas.disc(w * between(rng, 0.1, 0.9), h, 0.1 * h, 0.1 * h, (26, 26, 28))


def _draw_board(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    h, w = canvas.height, canvas.width
    top, tall = h * between(rng, 0.25, 0.6), h * between(rng, 0.15, 0.3)
    left = w * between(rng, -0.3, 0.5)
    right = left + w * between(rng, 0.5, 0.9)
    canvas.solid(_rectangle(left, top, right, top + tall), camera.occluder_colour, int(NEUTRAL * 0.95))
    lighter = (228, 226, 220) if sum(camera.occluder_colour) < 400 else (50, 52, 60)
    for row in (0.25, 0.55):
        canvas.fill(_rectangle(left + 0.1 * w, top + row * tall, right - 0.1 * w, top + (row + 0.15) * tall), lighter)
    leg = (left + right) / 2.0
    canvas.solid(_rectangle(leg - 0.012 * h, top + tall, leg + 0.012 * h, h), (70, 70, 74))


def _draw_box(canvas: Canvas, view: View, rng: np.random.Generator) -> None:
    """A parcel carried before the belly; hidden by the body when the back is seen."""
    s = view.scale
    x = view.centre_x + 0.09 * s * view.sin
    y = view.foot_y - between(rng, 0.52, 0.66) * s
    wide, tall = between(rng, 0.1, 0.15) * s, between(rng, 0.07, 0.12) * s
    colour = pick(rng, ((168, 128, 84), (150, 116, 80), (214, 212, 206), (60, 70, 96)))
    if view.cos < -0.3:
        x += 0.16 * s * pick(rng, (-1.0, 1.0))  # at arm's length beside the body
    canvas.solid(_rectangle(x - wide, y - tall, x + wide, y + tall), jitter(rng, colour, 8.0), int(NEUTRAL * 0.86))
    canvas.tone(_rectangle(x - wide, y - tall, x + wide, y - 0.7 * tall), int(NEUTRAL * 1.15))
    canvas.fill(_rectangle(x - 0.12 * wide, y - tall, x + 0.12 * wide, y + tall), scale(colour, 0.8))


def _draw_umbrella(canvas: Canvas, view: View, rng: np.random.Generator) -> None:
    s = view.scale
    x = view.centre_x + between(rng, -0.06, 0.06) * s
    y = view.foot_y - between(rng, 0.84, 0.95) * s
    wide, tall = between(rng, 0.2, 0.28) * s, between(rng, 0.12, 0.18) * s
    colour = upper_colour(rng)
    steps = [math.pi * index / 8.0 for index in range(9)]
    dome: list[float] = []
    for angle in steps:
        dome.extend((x - wide * math.cos(angle), y - tall * math.sin(angle)))
    canvas.solid(dome, colour, int(NEUTRAL * 0.85))
    for index in (1, 4, 7):
        canvas.line([x, y - tall, x - wide * math.cos(steps[index]), y], scale(colour, 0.7), 0.6)
    canvas.solid(_rectangle(x - 0.006 * s, y, x + 0.006 * s, y + 0.35 * s), (60, 60, 62))
