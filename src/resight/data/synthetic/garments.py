"""What a person wears and carries: the part of the look that stays the same in every camera."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from resight.data.synthetic.chance import between, chance, pick
from resight.data.synthetic.palette import Colour, lower_colour, mix, upper_colour

Pattern: TypeAlias = Literal["plain", "stripes", "pinstripes", "checks", "block", "panel"]
LowerKind: TypeAlias = Literal["trousers", "leggings", "shorts", "skirt"]
BagKind: TypeAlias = Literal["none", "backpack", "shoulder", "handbag"]

_PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "pinstripes", "checks", "block", "panel")
_PATTERN_WEIGHTS = (50, 12, 5, 9, 9, 4)
_LOWERS: tuple[LowerKind, ...] = ("trousers", "leggings", "shorts", "skirt")
_LOWER_WEIGHTS = (58, 14, 18, 10)
_BAGS: tuple[BagKind, ...] = ("none", "backpack", "shoulder", "handbag")
_BAG_WEIGHTS = (45, 27, 15, 13)


@dataclass(frozen=True, slots=True)
class Upper:
    """The garment above the waist.

    `sleeve` is the covered share of the arm (0..1), `hem` how far it hangs below the hip joint (in body heights),
    `looseness` a factor on the body's girth. `opening` is the half-angle (radians) of the open front that shows the
    inner colour, 0 when closed; `logo` and `print_` are on the chest and on the back.
    """

    colour: Colour
    second: Colour
    sleeve_colour: Colour
    inner: Colour
    pattern: Pattern
    repeats: int
    sleeve: float
    hem: float
    looseness: float
    opening: float
    logo: bool
    print_: bool
    hood: bool


@dataclass(frozen=True, slots=True)
class Lower:
    """The garment below the waist: `length` is the covered share of the leg (0..1), `width` a factor on its girth."""

    kind: LowerKind
    colour: Colour
    second: Colour
    side_stripe: bool
    repeats: int
    length: float
    width: float


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag or none: `side` is -1 for the person's left and 1 for the right, `size` a factor."""

    kind: BagKind
    colour: Colour
    second: Colour
    side: int
    size: float


@dataclass(frozen=True, slots=True)
class Outfit:
    """All that is worn: garments, shoes and a bag."""

    upper: Upper
    lower: Lower
    shoes: Colour
    soles: Colour
    bag: Bag


def _sample_upper(rng: np.random.Generator) -> Upper:
    colour, second = upper_colour(rng), upper_colour(rng)
    if sum(abs(a - b) for a, b in zip(colour, second, strict=True)) < 120:  # a pattern that can be seen
        second = (225, 224, 220) if sum(colour) < 380 else (36, 38, 48)
    jacket = chance(rng, 0.45)
    long_coat = jacket and chance(rng, 0.22)
    opening = between(rng, 0.25, 0.6) if jacket and chance(rng, 0.55) else 0.0
    pattern = pick(rng, _PATTERNS, _PATTERN_WEIGHTS)
    return Upper(
        colour=colour,
        second=second,
        sleeve_colour=second if chance(rng, 0.1) else colour,
        inner=upper_colour(rng),
        pattern="plain" if jacket and chance(rng, 0.5) else pattern,
        repeats=int(rng.integers(3, 8)),
        sleeve=1.0 if jacket else pick(rng, (0.0, 0.22, 0.3, 0.4, 0.6, 1.0), (5, 20, 25, 15, 10, 25)),
        hem=between(rng, 0.14, 0.24) if long_coat else between(rng, -0.03, 0.05),
        looseness=between(rng, 1.06, 1.24) if jacket else between(rng, 0.96, 1.14),
        opening=opening,
        logo=opening == 0.0 and chance(rng, 0.3),
        print_=chance(rng, 0.16),
        hood=jacket and chance(rng, 0.4),
    )


def _sample_lower(rng: np.random.Generator, upper: Upper) -> Lower:
    kind = pick(rng, _LOWERS, _LOWER_WEIGHTS)
    dress = kind == "skirt" and chance(rng, 0.5)
    lengths = {"trousers": (0.88, 1.0), "leggings": (0.75, 1.0), "shorts": (0.36, 0.56), "skirt": (0.35, 0.75)}
    widths = {"trousers": (1.0, 1.4), "leggings": (0.88, 1.0), "shorts": (1.1, 1.4), "skirt": (1.0, 1.35)}
    return Lower(
        kind=kind,
        colour=upper.colour if dress else lower_colour(rng),
        second=upper.second,
        side_stripe=kind in ("trousers", "leggings", "shorts") and chance(rng, 0.16),
        repeats=upper.repeats if dress and upper.pattern in ("stripes", "checks") else 0,
        length=between(rng, *lengths[kind]),
        width=between(rng, *widths[kind]),
    )


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Draw what one person wears.

    Args:
        rng: where the draws come from.

    Returns:
        An outfit; colours come from a small palette, so that outfits of different people are often close.
    """
    upper = _sample_upper(rng)
    lower = _sample_lower(rng, upper)
    bag_colour = upper_colour(rng)
    bag = Bag(
        kind=pick(rng, _BAGS, _BAG_WEIGHTS),
        colour=bag_colour,
        second=mix(bag_colour, upper_colour(rng), 0.6),
        side=pick(rng, (-1, 1)),
        size=between(rng, 0.8, 1.25),
    )
    shoes = pick(
        rng, ((30, 28, 28), (226, 224, 220), (96, 70, 48), (120, 120, 124), upper_colour(rng)), (9, 6, 3, 3, 3)
    )
    soles = (222, 220, 214) if chance(rng, 0.4) else (38, 34, 32)
    return Outfit(upper=upper, lower=lower, shoes=shoes, soles=soles, bag=bag)
