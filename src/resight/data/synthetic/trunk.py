"""The trunk with its garment and pattern, and the skirt."""

import math

from resight.data.synthetic.body import Skeleton
from resight.data.synthetic.canvas import NEUTRAL, Canvas, Flat
from resight.data.synthetic.garments import Upper
from resight.data.synthetic.palette import mix, scale
from resight.data.synthetic.person import Person
from resight.data.synthetic.tube import Ring, Tube
from resight.data.synthetic.view import View


def trunk_rings(person: Person, skeleton: Skeleton) -> list[Ring]:
    """The rings of the garment above the waist, from the shoulders to its hem."""
    shape, upper = person.shape, person.outfit.upper
    loose = upper.looseness
    neck_y, lean = skeleton.neck[1], skeleton.neck[2]
    hip_y = (skeleton.hips[0][1] + skeleton.hips[1][1]) / 2.0
    waist_y = hip_y + 0.42 * (neck_y - hip_y)
    depth = shape.chest_depth
    rings = [
        Ring(neck_y, lean, 0.042, 0.036),
        Ring(neck_y - 0.026, lean, shape.shoulder * 0.84, depth * 0.75),
        Ring(neck_y - 0.06, lean, shape.shoulder * 0.98, depth),
        Ring(neck_y - 0.13, lean, shape.shoulder * 0.92 * loose**0.5, depth * 1.08 * loose),
        Ring(waist_y, lean * 0.5, shape.waist * loose, depth * 0.9 * loose),
        Ring(hip_y + 0.01, 0.0, shape.hip * loose, depth * 1.05 * loose),
    ]
    hem_y = hip_y - upper.hem
    if upper.hem > 0.02:
        rings.append(Ring(hem_y, 0.0, shape.hip * (loose + upper.hem), depth * (1.1 * loose + upper.hem)))
    return rings


def draw_trunk(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Draw the garment above the waist with its pattern, opening, prints and hood.

    Args:
        canvas: drawn on in place.
        person: whose trunk.
        skeleton: the pose's joints.
        view: where the body is seen from.
    """
    upper = person.outfit.upper
    hip = skeleton.hips[0]
    if person.outfit.lower.kind != "skirt" and upper.hem <= 0.02:
        x, y = view.project((0.0, hip[1], 0.0))  # the seat of the trousers
        size = math.hypot(person.shape.hip * 0.95 * view.cos, person.shape.chest_depth * view.sin) * view.scale
        canvas.disc(x, y + 0.01 * view.scale, size, 0.055 * view.scale, person.outfit.lower.colour, int(NEUTRAL * 0.9))
    tube = Tube(trunk_rings(person, skeleton), view)
    tube.draw(canvas, upper.colour)
    _draw_pattern(canvas, tube, upper)
    if upper.opening > 0.0:
        canvas.fill(tube.strip(-upper.opening, upper.opening, 0.0, 1.0), upper.inner)
    if upper.logo:
        canvas.fill(tube.strip(-0.5, 0.5, 0.25, 0.48), upper.second)
    if upper.print_:
        canvas.fill(tube.strip(math.pi - 0.75, math.pi + 0.75, 0.22, 0.55), upper.second)
    if upper.hood:
        canvas.solid(tube.strip(math.pi - 0.9, math.pi + 0.9, 0.0, 0.22), scale(upper.colour, 0.8), int(NEUTRAL * 0.85))
    canvas.tone(tube.band(0.96, 1.0), int(NEUTRAL * 0.72))


def _draw_pattern(canvas: Canvas, tube: Tube, upper: Upper) -> None:
    """Draw the pattern in the garment's coordinates, so that it turns with the body."""
    count = upper.repeats
    if upper.pattern in ("stripes", "checks"):
        thick = 0.5 if upper.pattern == "stripes" else 0.36
        colour = upper.second if upper.pattern == "stripes" else mix(upper.colour, upper.second, 0.55)
        for step in range(count):
            canvas.fill(tube.band((step + 0.3) / count, (step + 0.3 + thick) / count), colour)
    if upper.pattern in ("pinstripes", "checks"):
        columns = 2 * count
        for step in range(columns):
            phi = 2.0 * math.pi * step / columns
            canvas.fill(_strip(tube, phi, 0.9 / columns), upper.second)
    if upper.pattern == "block":
        split = 0.25 + 0.06 * (count - 3)
        canvas.fill(tube.band(0.0, split) if count % 2 else tube.band(split, 1.0), upper.second)
    if upper.pattern == "panel":
        for phi in (-math.pi / 2.0, math.pi / 2.0):
            canvas.fill(_strip(tube, phi, 0.4), upper.second)


def _strip(tube: Tube, phi: float, half: float) -> Flat:
    return tube.strip(phi - half, phi + half, 0.08, 1.0)


def draw_skirt(canvas: Canvas, person: Person, skeleton: Skeleton, view: View) -> None:
    """Draw a skirt or the lower part of a dress, wide enough for the stride.

    Args:
        canvas: drawn on in place.
        person: whose skirt.
        skeleton: the pose's joints.
        view: where the body is seen from.
    """
    lower, shape = person.outfit.lower, person.shape
    hip_y = (skeleton.hips[0][1] + skeleton.hips[1][1]) / 2.0
    knees = [knee[2] for knee in skeleton.knees]
    stride = (max(knees) - min(knees)) / 2.0
    hem_y = hip_y - lower.length * hip_y
    width, depth = shape.hip * lower.width, max(shape.chest_depth * lower.width, stride + 0.04)
    rings = [
        Ring(hip_y + 0.11, 0.0, shape.waist, shape.chest_depth * 0.9),
        Ring(hip_y, 0.0, shape.hip, shape.chest_depth * 1.1),
        Ring(hem_y, (knees[0] + knees[1]) / 2.0, width * 1.1, depth),
    ]
    tube = Tube(rings, view)
    tube.draw(canvas, lower.colour)
    for step in range(lower.repeats):
        canvas.fill(tube.band((step + 0.3) / lower.repeats, (step + 0.75) / lower.repeats), lower.second)
