"""Backpack, shoulder bag and handbag, each drawn before or after the trunk by the side that is seen."""

import math

from resight.data.synthetic.body import Skeleton
from resight.data.synthetic.canvas import NEUTRAL, Canvas, capsule
from resight.data.synthetic.palette import scale
from resight.data.synthetic.person import Person
from resight.data.synthetic.view import View


def draw_bag_away(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Draw the bag when the body hides it or part of it: call before the trunk."""
    bag = person.outfit.bag
    if bag.kind == "backpack" and view.cos > -0.25:
        _draw_backpack(canvas, person, skeleton, view)
    elif bag.kind in ("shoulder", "handbag") and bag.side * view.sin < -0.35:
        _draw_hung(canvas, person, skeleton, view)


def draw_bag_near(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Draw the bag and its straps when they are in front of the trunk: call after the trunk."""
    bag = person.outfit.bag
    if bag.kind == "backpack":
        if view.cos > -0.25:
            _draw_straps(canvas, person, skeleton, view)
        else:
            _draw_backpack(canvas, person, skeleton, view)
    elif bag.kind in ("shoulder", "handbag") and bag.side * view.sin >= -0.35:
        _draw_hung(canvas, person, skeleton, view)
    if bag.kind == "shoulder":
        _draw_cross_strap(canvas, person, skeleton, view)


def _draw_backpack(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    bag, shape = person.outfit.bag, person.shape
    depth = shape.chest_depth * person.outfit.upper.looseness
    top, size = skeleton.neck[1] - 0.03, 0.2 * bag.size
    behind = -depth - 0.045 * bag.size
    x, y = view.project((0.0, top - size / 2.0, skeleton.neck[2] + behind))
    across = math.hypot(0.082 * bag.size * view.cos, 0.055 * bag.size * view.sin) * view.scale
    half = size / 2.0 * view.scale
    body = capsule(x, y - half + across * 0.7, across * 0.92, x, y + half - across * 0.7, across)
    canvas.solid(body, bag.colour, int(NEUTRAL * 0.78))
    light = x + 0.3 * view.light * across
    canvas.shadow(light, y - 0.15 * half, 0.62 * across, 0.7 * half, int(NEUTRAL * 1.02))
    if view.cos < 0.3:  # the pocket
        px = x - 0.35 * across * view.sin
        canvas.fill([px - 0.62 * across, y + 0.1 * half, px + 0.62 * across, y + 0.1 * half,
                     px + 0.62 * across, y + 0.8 * half, px - 0.62 * across, y + 0.8 * half], bag.second)  # fmt: skip


def _draw_straps(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    shape = person.shape
    top, front = skeleton.neck[1] - 0.01, shape.chest_depth * person.outfit.upper.looseness
    for sign in (-1.0, 1.0):
        if sign * view.sin < -0.6:
            continue
        a = view.project((sign * 0.058, top, skeleton.neck[2] + 0.01))
        b = view.project((sign * 0.062, top - 0.07, skeleton.neck[2] + front))
        c = view.project((sign * 0.075, top - 0.18, skeleton.neck[2] + front * 0.75))
        canvas.line([*a, *b, *c], scale(person.outfit.bag.colour, 0.85), 0.017 * view.scale)


def _draw_hung(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """A bag at the hip (shoulder bag) or below the hand (handbag)."""
    bag, shape = person.outfit.bag, person.shape
    side = 0 if bag.side < 0 else 1
    if bag.kind == "handbag":
        wx, wy, wz = skeleton.wrists[side]
        place = (wx + bag.side * 0.01, wy - 0.1 * bag.size, wz)
        grip = view.project((wx, wy - 0.01, wz))
    else:
        place = (bag.side * (shape.hip + 0.025), skeleton.hips[side][1] + 0.015, -0.01)
        grip = view.project((bag.side * 0.03, skeleton.neck[1] - 0.02, 0.0))
    x, y = view.project(place)
    across = math.hypot(0.032 * view.cos, 0.075 * view.sin) * bag.size * view.scale + 0.008 * view.scale
    half = 0.058 * bag.size * view.scale
    if bag.kind == "handbag":
        canvas.line([x - 0.5 * across, y - half, *grip, x + 0.5 * across, y - half], scale(bag.colour, 0.8), 0.9)
    wide = across * 1.12
    outline = [x - across, y - half, x + across, y - half, x + wide, y + half, x - wide, y + half]
    canvas.solid(outline, bag.colour, int(NEUTRAL * 0.85))
    canvas.fill([x - across, y - half, x + across, y - half, x + across, y - 0.3 * half, x - across, y - 0.3 * half],
                bag.second)  # fmt: skip


def _draw_cross_strap(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """A strap from the far shoulder across chest or back to the bag's hip."""
    bag, shape = person.outfit.bag, person.shape
    face = 1.0 if view.cos > 0.0 else -1.0
    depth = face * shape.chest_depth * person.outfit.upper.looseness
    a = view.project((-bag.side * 0.06, skeleton.neck[1], skeleton.neck[2]))
    b = view.project((-bag.side * 0.01, skeleton.neck[1] - 0.12, depth))
    c = view.project((bag.side * shape.hip, skeleton.hips[0][1] + 0.06, depth * 0.3))
    canvas.line([*a, *b, *c], scale(bag.colour, 0.85), 0.013 * view.scale)
