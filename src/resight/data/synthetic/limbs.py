"""Arms and legs: tapered capsules with sleeves, trousers, shoes and hands."""

from resight.data.synthetic.body import LEFT, Point3, Skeleton
from resight.data.synthetic.canvas import NEUTRAL, Canvas, capsule
from resight.data.synthetic.palette import Colour, scale
from resight.data.synthetic.person import Person
from resight.data.synthetic.view import View


def between_points(a: Point3, b: Point3, share: float) -> Point3:
    """The point `share` (0..1) of the way from a to b."""
    keep = 1.0 - share
    return (a[0] * keep + b[0] * share, a[1] * keep + b[1] * share, a[2] * keep + b[2] * share)


def draw_limb(
    canvas: Canvas, view: View, ends: tuple[Point3, Point3], radii: tuple[float, float], colour: Colour, level: int
) -> None:
    """Draw one round piece of a limb.

    Args:
        canvas: drawn on in place.
        view: where the body is seen from.
        ends: the two joints, in body heights.
        radii: the radius at each, in body heights.
        colour: without light.
        level: light on the bright side, see `Canvas.tone`.
    """
    (ax, ay), (bx, by) = view.project(ends[0]), view.project(ends[1])
    ar, br = radii[0] * view.scale, radii[1] * view.scale
    outline = capsule(ax, ay, ar, bx, by, br)
    if level < 0.9 * NEUTRAL:  # a far limb lies in the body's shadow: flat
        canvas.solid(outline, colour, int(level * (1.0 - 0.2 * view.contrast)))
        return
    canvas.solid(outline, colour, int(level * (1.0 - 0.34 * view.contrast)))
    left, right = 0.4 * view.light - 0.55, 0.4 * view.light + 0.55  # the lit part, in radii across the picture
    canvas.tone([ax + left * ar, ay, ax + right * ar, ay, bx + right * br, by, bx + left * br, by], level)


def draw_leg(canvas: Canvas, person: Person, skeleton: Skeleton, side: int, view: View, level: int) -> None:
    """Draw one leg with its trouser leg and shoe.

    Args:
        canvas: drawn on in place.
        person: whose leg.
        skeleton: the pose's joints.
        side: `body.LEFT` or `body.RIGHT`.
        view: where the body is seen from.
        level: light on the bright side.
    """
    lower, limb = person.outfit.lower, person.shape.limb
    hip, knee, ankle = skeleton.hips[side], skeleton.knees[side], skeleton.ankles[side]
    _draw_shoe(canvas, person, ankle, skeleton.toes[side], view, level)
    thigh, calf, thin = 0.052 * limb, 0.038 * limb, 0.023 * limb
    covered = 0.0 if lower.kind == "skirt" else lower.length
    bare = lower.colour if lower.kind == "leggings" else person.skin
    if covered < 0.97:
        draw_limb(canvas, view, (knee, ankle), (calf, thin), bare if covered < 0.7 else person.skin, level)
        if covered < 0.5:
            draw_limb(canvas, view, (hip, knee), (thigh, calf), person.skin, level)
    if covered > 0.0:
        width = lower.width
        share = min(1.0, covered * 2.0)
        end = between_points(hip, knee, share)
        if covered > 0.5:
            below = between_points(knee, ankle, covered * 2.0 - 1.0)
            flare = 0.026 * limb * (2.0 * width - 0.9)
            draw_limb(canvas, view, (knee, below), (calf * width, max(thin, flare)), lower.colour, level)
        draw_limb(canvas, view, (hip, end), (thigh * width**0.5, calf * width), lower.colour, level)
        if lower.side_stripe:
            _draw_side_stripe(canvas, person, skeleton, side, view)


def _draw_side_stripe(canvas: Canvas, person: Person, skeleton: Skeleton, side: int, view: View) -> None:
    """A line of the second colour along the outer side of a trouser leg, when that side is seen."""
    sign = -1.0 if side == LEFT else 1.0
    lower = person.outfit.lower
    offset = 0.04 * person.shape.limb * sign
    if sign * view.sin < -0.3:
        return
    joints = [skeleton.hips[side], skeleton.knees[side]]
    if lower.length > 0.5:
        joints.append(between_points(skeleton.knees[side], skeleton.ankles[side], lower.length * 2.0 - 1.0))
    points: list[float] = []
    for x, y, z in joints:
        points.extend(view.project((x + offset, y, z)))
    canvas.line(points, lower.second, 0.016 * view.scale)


def _draw_shoe(canvas: Canvas, person: Person, ankle: Point3, toe: Point3, view: View, level: int) -> None:
    outfit = person.outfit
    (ax, ay), (tx, ty) = view.project((ankle[0], ankle[1] - 0.018, ankle[2] - 0.012)), view.project(toe)
    s = view.scale
    canvas.solid(capsule(ax, ay + 0.009 * s, 0.024 * s, tx, ty + 0.008 * s, 0.016 * s), outfit.soles, int(level * 0.8))
    canvas.solid(capsule(ax, ay, 0.025 * s, tx, ty, 0.018 * s), outfit.shoes, int(level * 0.92))


def draw_arm(canvas: Canvas, person: Person, skeleton: Skeleton, view: View, side: int, level: int) -> None:
    """Draw one arm with its sleeve and hand.

    Args:
        canvas: drawn on in place.
        person: whose arm.
        skeleton: the pose's joints.
        view: where the body is seen from.
        side: `body.LEFT` or `body.RIGHT`.
        level: light on the bright side.
    """
    upper, limb = person.outfit.upper, person.shape.limb
    shoulder, elbow, wrist = skeleton.shoulders[side], skeleton.elbows[side], skeleton.wrists[side]
    thick, middle, thin = 0.031 * limb, 0.026 * limb, 0.019 * limb
    hx, hy = view.project(between_points(elbow, wrist, 1.14))
    canvas.disc(hx, hy, 0.02 * view.scale, 0.025 * view.scale, person.skin, int(level * 0.9))
    loose = 1.0 + 0.9 * max(0.0, upper.looseness - 1.0)
    colour = upper.sleeve_colour
    if upper.sleeve < 1.0:
        draw_limb(canvas, view, (elbow, wrist), (middle, thin), person.skin, level)
        if upper.sleeve < 0.45:
            draw_limb(canvas, view, (shoulder, elbow), (thick * 0.92, middle), person.skin, level)
    if upper.sleeve >= 0.5:
        below = between_points(elbow, wrist, upper.sleeve * 2.0 - 1.0)
        draw_limb(canvas, view, (elbow, below), (middle * loose * 1.05, thin * loose * 1.2), colour, level)
    if upper.sleeve > 0.0:
        end = between_points(shoulder, elbow, min(1.0, upper.sleeve * 2.0))
        draw_limb(canvas, view, (shoulder, end), (thick * loose, middle * loose * 1.1), colour, level)
        _draw_sleeve_pattern(canvas, person, (shoulder, elbow, wrist), thick * loose, view)


def _draw_sleeve_pattern(
    canvas: Canvas, person: Person, joints: tuple[Point3, Point3, Point3], radius: float, view: View
) -> None:
    """Rings of the second colour on the sleeve of a striped or checked garment."""
    upper = person.outfit.upper
    if upper.pattern not in ("stripes", "checks"):
        return
    shoulder, elbow, wrist = joints
    colour = upper.second if upper.pattern == "stripes" else scale(upper.colour, 0.7)
    count = upper.repeats
    for step in range(count):
        along = (step + 0.25) / count  # of the whole arm
        if along + 0.5 / count > upper.sleeve:
            break
        a, b, place = (shoulder, elbow, along * 2.0) if along < 0.5 else (elbow, wrist, along * 2.0 - 1.0)
        ax, ay = view.project(between_points(a, b, place))
        bx, by = view.project(between_points(a, b, min(1.0, place + 0.55 / count)))
        size = radius * view.scale * (1.0 - 0.3 * along)
        canvas.fill([ax - size, ay, ax + size, ay, bx + size, by, bx - size, by], colour)
