"""The limited set of colours that people and streets wear, so that many identities look alike in mean colour."""

from typing import TypeAlias

import numpy as np

from resight.data.synthetic.chance import pick

Colour: TypeAlias = tuple[int, int, int]

# (colour, weight above the waist, weight below it)
_CLOTHES: tuple[tuple[Colour, float, float], ...] = (
    ((28, 28, 32), 20, 26),  # black
    ((62, 63, 68), 9, 12),  # dark grey
    ((122, 124, 128), 9, 7),  # grey
    ((178, 180, 184), 5, 3),  # light grey
    ((232, 231, 228), 14, 4),  # white
    ((34, 44, 80), 9, 12),  # navy
    ((58, 84, 126), 5, 16),  # denim
    ((112, 142, 178), 5, 7),  # light denim
    ((44, 96, 180), 5, 1),  # blue
    ((176, 156, 122), 4, 6),  # beige
    ((98, 72, 50), 4, 3),  # brown
    ((74, 86, 58), 4, 3),  # olive
    ((174, 36, 42), 5, 1),  # red
    ((110, 30, 46), 2, 1),  # wine
    ((40, 122, 72), 2, 0.5),  # green
    ((222, 186, 56), 2, 0.5),  # yellow
    ((226, 150, 172), 3, 1),  # pink
    ((112, 76, 142), 2, 0.5),  # purple
    ((222, 116, 46), 1.5, 0.3),  # orange
    ((66, 158, 164), 1.5, 0.3),  # teal
)
_COLOURS = [colour for colour, _, _ in _CLOTHES]
_ABOVE = [weight for _, weight, _ in _CLOTHES]
_BELOW = [weight for _, _, weight in _CLOTHES]
_SKINS: tuple[Colour, ...] = (
    (236, 196, 168),
    (222, 176, 144),
    (200, 150, 116),
    (160, 112, 82),
    (112, 76, 56),
    (78, 54, 42),
)
_SKIN_WEIGHTS = (4, 6, 4, 2, 2, 1)
_HAIRS: tuple[Colour, ...] = ((24, 20, 20), (52, 38, 30), (96, 68, 44), (168, 134, 86), (140, 138, 136), (120, 50, 34))
_HAIR_WEIGHTS = (9, 7, 4, 2, 2, 1)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour `share` (0..1) of the way from `first` to `second`."""
    keep = 1.0 - share
    return (
        int(first[0] * keep + second[0] * share),
        int(first[1] * keep + second[1] * share),
        int(first[2] * keep + second[2] * share),
    )


def scale(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or brighter (> 1), clipped to 0..255."""
    return (
        min(255, int(colour[0] * factor)),
        min(255, int(colour[1] * factor)),
        min(255, int(colour[2] * factor)),
    )


def jitter(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """The colour with normal noise added, `spread` grey levels wide, clipped to 0..255."""
    noise = rng.normal(0.0, spread, 3)
    red, green, blue = (min(255, max(0, int(value + step))) for value, step in zip(colour, noise, strict=True))
    return (red, green, blue)


def upper_colour(rng: np.random.Generator) -> Colour:
    """A colour for a garment above the waist; blacks, greys and blues dominate."""
    return jitter(rng, pick(rng, _COLOURS, _ABOVE), 7.0)


def lower_colour(rng: np.random.Generator) -> Colour:
    """A colour for a garment below the waist; black, navy and denim dominate."""
    return jitter(rng, pick(rng, _COLOURS, _BELOW), 7.0)


def skin_colour(rng: np.random.Generator) -> Colour:
    """A skin colour."""
    return jitter(rng, pick(rng, _SKINS, _SKIN_WEIGHTS), 5.0)


def hair_colour(rng: np.random.Generator) -> Colour:
    """A hair colour, mostly dark."""
    return jitter(rng, pick(rng, _HAIRS, _HAIR_WEIGHTS), 5.0)
