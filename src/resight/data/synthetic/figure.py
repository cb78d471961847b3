"""One person on the canvas: parts drawn from far to near."""

import math
from functools import partial

from resight.data.synthetic.bag import draw_bag_away, draw_bag_near
from resight.data.synthetic.body import Pose, build_skeleton
from resight.data.synthetic.canvas import NEUTRAL, Canvas
from resight.data.synthetic.head import draw_hair_behind, draw_head
from resight.data.synthetic.limbs import draw_arm, draw_leg
from resight.data.synthetic.person import Person
from resight.data.synthetic.trunk import draw_skirt, draw_trunk
from resight.data.synthetic.view import View


def draw_person(canvas: Canvas, person: Person, pose: Pose, view: View) -> None:
    """Draw a person, ground shadow included.

    Args:
        canvas: drawn on in place.
        person: who.
        pose: the moment of the walk.
        view: from where, and where on the crop.
    """
    skeleton = build_skeleton(person.shape, pose)
    far, near = (0, 1) if view.sin > 0.0 else (1, 0)
    _draw_shadow(canvas, view)
    for side in (far, near):
        draw_leg(canvas, person, skeleton, side, view, NEUTRAL if side == near else int(NEUTRAL * 0.84))
    if person.outfit.lower.kind == "skirt":
        draw_skirt(canvas, person, skeleton, view)
    arm = partial(draw_arm, canvas, person, skeleton, view=view)
    draw_bag_away(canvas, person, skeleton, view)
    draw_hair_behind(canvas, person, skeleton, view)
    arms_behind = abs(view.sin) > 0.35
    if arms_behind:
        arm(side=far, level=int(NEUTRAL * 0.8))
    draw_trunk(canvas, person, skeleton, view)
    if not arms_behind:
        arm(side=far, level=int(NEUTRAL * 0.96))
    draw_head(canvas, person, skeleton, view)
    draw_bag_near(canvas, person, skeleton, view)
    arm(side=near, level=NEUTRAL)


def _draw_shadow(canvas: Canvas, view: View) -> None:
    """A dark patch on the ground, longer away from the light."""
    flat = 0.02 + 0.16 * math.sin(view.pitch)
    x = view.centre_x - view.light * 0.07 * view.scale
    for size, level in ((1.0, 0.78), (0.62, 0.58)):
        level = int(NEUTRAL * (1.0 - (1.0 - level) * (0.5 + 0.5 * view.contrast)))
        canvas.shadow(x, view.foot_y, 0.17 * size * view.scale, flat * size * view.scale, level)
