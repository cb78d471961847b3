"""Neck, head, hair and headwear, with a face side and a hair side."""

from resight.data.synthetic.body import Skeleton
from resight.data.synthetic.canvas import NEUTRAL, Canvas, capsule
from resight.data.synthetic.palette import scale
from resight.data.synthetic.person import Person
from resight.data.synthetic.view import View

_RADIUS_X, _RADIUS_Y = 0.046, 0.066


def draw_hair_behind(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Draw the part of long hair that the trunk hides: drawn before it when the face is seen."""
    if person.hair_style == "long" and view.cos > -0.1:
        _draw_fall(canvas, person, skeleton, view)


def _draw_fall(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Long hair from the head to the shoulder blades, on the back of the head."""
    hx, hy = view.project(skeleton.head)
    bx, by = view.project((0.0, skeleton.neck[1] - 0.055, skeleton.neck[2] - 0.045))
    radius = _RADIUS_X * person.shape.head * view.scale
    shift = -0.35 * radius * view.sin
    outline = capsule(hx + shift, hy, radius * 1.02, bx, by, radius * (0.75 + 0.35 * abs(view.cos)))
    canvas.solid(outline, person.hair, int(NEUTRAL * 0.85))


def draw_head(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Draw neck, face, hair and headwear.

    Args:
        canvas: drawn on in place.
        person: whose head.
        skeleton: the pose's joints.
        view: where the body is seen from.
    """
    x, y = view.project(skeleton.head)
    nx, ny = view.project(skeleton.neck)
    size = person.shape.head * view.scale * (1.0 + view.perspective * 0.4)
    rx, ry = _RADIUS_X * size * (1.0 + 0.12 * abs(view.sin)), _RADIUS_Y * size
    canvas.solid(capsule(x, y, 0.55 * rx, nx, ny, 0.62 * rx), person.skin, int(NEUTRAL * 0.66))
    cos, sin = view.cos, view.sin
    if person.hair_style == "bald":
        canvas.disc(x, y, rx, ry, person.skin, int(NEUTRAL * 0.85))
    else:
        canvas.disc(x, y, rx, ry, person.hair, int(NEUTRAL * 0.8))
    if cos > -0.5:
        _draw_face(canvas, person, view, (x, y), (rx, ry))
    canvas.shadow(x + 0.35 * view.light * rx, y - 0.1 * ry, 0.4 * rx, 0.55 * ry, int(NEUTRAL * 0.98))
    if person.hair_style == "bun":
        canvas.disc(x - 0.8 * rx * sin, y - 0.75 * ry, 0.5 * rx, 0.42 * ry, person.hair, int(NEUTRAL * 0.8))
    elif person.hair_style == "ponytail" and (cos < 0.3 or abs(sin) > 0.4):
        tail = capsule(x - 1.0 * rx * sin, y - 0.25 * ry, 0.32 * rx, x - 1.35 * rx * sin, y + 1.2 * ry, 0.2 * rx)
        canvas.solid(tail, person.hair, int(NEUTRAL * 0.75))
    elif person.hair_style == "long" and cos <= -0.1:
        _draw_fall(canvas, person, skeleton, view)
    _draw_headwear(canvas, person, view, (x, y), (rx, ry))


def _draw_face(
    canvas: Canvas, person: Person, view: View, centre: tuple[float, float], radii: tuple[float, float]
) -> None:
    (x, y), (rx, ry) = centre, radii
    cos, sin = view.cos, view.sin
    shown = min(1.0, (cos + 0.5) / 1.1)  # 0 when the face begins to turn away
    wide = rx * (0.35 + 0.42 * shown)
    fx, fy = x + sin * (rx - wide * 0.95), y + 0.24 * ry
    canvas.disc(fx, fy, wide, 0.74 * ry, person.skin, int(NEUTRAL * 0.86))
    if cos > 0.2:  # the shadow of the eyes, and of the chin
        canvas.shadow(fx + 0.15 * rx * sin, fy - 0.15 * ry, wide * 0.75, 0.11 * ry, int(NEUTRAL * 0.62))
    if person.hair_style == "long":
        for sign in (-1.0, 1.0):
            edge = fx + sign * wide * 0.95
            if sign * sin < 0.5:
                strand = capsule(edge, y, 0.24 * rx, edge + sign * 0.1 * rx, y + 1.4 * ry, 0.28 * rx)
                canvas.solid(strand, person.hair, int(NEUTRAL * 0.82))


def _draw_headwear(
    canvas: Canvas, person: Person, view: View, centre: tuple[float, float], radii: tuple[float, float]
) -> None:
    if person.headwear == "none":
        return
    (x, y), (rx, ry) = centre, radii
    colour = person.headwear_colour
    canvas.disc(x, y - 0.42 * ry, 1.08 * rx, 0.66 * ry, colour, int(NEUTRAL * 0.95))
    if person.headwear == "cap":
        bx, wide = x + view.sin * 1.0 * rx, rx * (0.5 + 0.4 * abs(view.cos))
        if view.cos > -0.4:
            canvas.disc(bx, y - 0.1 * ry, wide, 0.16 * ry, scale(colour, 0.75), int(NEUTRAL * 0.8))
    elif person.headwear == "hat":
        canvas.disc(x, y - 0.12 * ry, 1.75 * rx, 0.26 * ry, scale(colour, 0.85), int(NEUTRAL * 0.85))
        canvas.disc(x, y - 0.5 * ry, 1.0 * rx, 0.58 * ry, colour)
