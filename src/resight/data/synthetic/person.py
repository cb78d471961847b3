"""One identity: body, skin, hair and outfit, the same in every image of it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from resight.data.synthetic.body import BodyShape, sample_shape
from resight.data.synthetic.chance import pick
from resight.data.synthetic.garments import Outfit, sample_outfit
from resight.data.synthetic.palette import Colour, hair_colour, skin_colour, upper_colour

HairStyle: TypeAlias = Literal["short", "bald", "long", "ponytail", "bun"]
Headwear: TypeAlias = Literal["none", "cap", "beanie", "hat"]

_STYLES: tuple[HairStyle, ...] = ("short", "bald", "long", "ponytail", "bun")
_STYLE_WEIGHTS = (50, 6, 22, 14, 8)
_HATS: tuple[Headwear, ...] = ("none", "cap", "beanie", "hat")
_HAT_WEIGHTS = (78, 11, 6, 5)


@dataclass(frozen=True, slots=True)
class Person:
    """All that makes an identity; hashable and immutable."""

    shape: BodyShape
    outfit: Outfit
    skin: Colour
    hair: Colour
    hair_style: HairStyle
    headwear: Headwear
    headwear_colour: Colour


def sample_person(rng: np.random.Generator) -> Person:
    """Draw one identity.

    Args:
        rng: where the draws come from; the same state gives the same person.

    Returns:
        The person.
    """
    return Person(
        shape=sample_shape(rng),
        outfit=sample_outfit(rng),
        skin=skin_colour(rng),
        hair=hair_colour(rng),
        hair_style=pick(rng, _STYLES, _STYLE_WEIGHTS),
        headwear=pick(rng, _HATS, _HAT_WEIGHTS),
        headwear_colour=upper_colour(rng),
    )
