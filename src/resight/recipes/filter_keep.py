"""From scores to the images that are kept: by one score or several, among those that pass the gates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.errors import DataError
from resight.filtering.codes import read_codes
from resight.filtering.combined import combined
from resight.filtering.duplicates import near_duplicates
from resight.filtering.exchange import Exchange
from resight.filtering.layout import CODES
from resight.filtering.overlap import Overlap, overlap
from resight.filtering.quality import ASPECT, HEIGHT, WIDTH, QualityLimits
from resight.filtering.score_file import ScoreFile
from resight.filtering.selection import rows_to_keep, select_top, select_top_of_share

Mask = npt.NDArray[np.bool_]
_FACTS = (WIDTH, HEIGHT, ASPECT)  # what an image is, not how good it is


@dataclass(frozen=True)
class Choice:
    """Which images to keep.

    keep: share of the pool (float) or number of images (int). by: scores to select by; of several the mean of the
    places that they give. limits: of the image itself; None: any. min_cosine: of two images of which the lower scored
    one is dropped; None: none is. Gates come first, so the kept images are fewer where too few pass them.
    """

    keep: float | int
    by: tuple[str, ...]
    limits: QualityLimits | None = None
    min_cosine: float | None = None

    @property
    def name(self) -> str:
        """What it selects by, in words."""
        return self.by[0] if len(self.by) == 1 else f"mean place by {' and '.join(self.by)}"


@dataclass(frozen=True, eq=False)
class Kept:
    """What a choice came to.

    rows: (N,) bool. values: (N,) float32 score that was selected by. refused: images that a gate kept out, by its
    name. wanted: images that were asked for. choices: how the choices by each score agree, and `kept` with them.
    """

    rows: Mask
    values: npt.NDArray[np.float32]
    refused: Mapping[str, int]
    wanted: int
    choices: Overlap

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.rows))


def choose(scores: ScoreFile, choice: Choice, exchange: Exchange | None = None) -> Kept:
    """The images to keep.

    Args:
        scores: of N images.
        choice: which.
        exchange: with the other processes that make the same call; each looks for the highest scores in its share.

    Returns:
        The same in every process.

    Raises:
        DataError: if there is no such score, or the codes for near duplicates are missing.
        RecipeError: if the choice is impossible, such as more images than there are.
    """
    exchange = exchange or Exchange.alone()
    try:
        wanted = rows_to_keep(choice.keep, len(scores))
        values = combined([scores.scores(name) for name in choice.by])
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(str(error)) from error
    among = ~np.isnan(values)
    refused = {"unreadable or without a score": int(np.count_nonzero(~among))}
    if choice.limits is not None and choice.limits.needs:
        passes = choice.limits.passes({name: scores.scores(name) for name in choice.limits.needs})
        refused["size, aspect or sharpness"] = int(np.count_nonzero(among & ~passes))
        among &= passes
    if choice.min_cosine is not None:
        unique = ~_repeated(scores, values, among, choice.min_cosine)
        refused["near duplicates"] = int(np.count_nonzero(among & ~unique))
        among &= unique
    rows = _top(scores, values, wanted, among, exchange)
    return Kept(rows, values, refused, wanted, _compared(scores, choice, wanted, rows))


def _top(scores: ScoreFile, values: npt.NDArray[np.float32], wanted: int, among: Mask, exchange: Exchange) -> Mask:
    """The highest scores; each process looks at its share of the rows."""
    edges = [len(values) * rank // exchange.world for rank in range(exchange.world + 1)]
    first, last = edges[exchange.rank], edges[exchange.rank + 1]
    mine = select_top_of_share(
        values[first:last],
        wanted,
        lambda rows: scores.keys(rows + first),
        among=among[first:last],
        exchange=exchange,
    )
    return np.concatenate(exchange.gather(mine))


def _repeated(scores: ScoreFile, values: npt.NDArray[np.float32], among: Mask, min_cosine: float) -> Mask:
    """Which images show nearly the same as one that scores higher; of equal scores the lower row is kept."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(-values[rows], kind="stable")]
    codes = read_codes(scores.path.parent / CODES, len(scores))
    return near_duplicates(codes, order, min_cosine=min_cosine) >= 0


def _compared(scores: ScoreFile, choice: Choice, wanted: int, rows: Mask) -> Overlap:
    """What each score alone would keep, beside what is kept."""
    names = [name for name in scores.columns if name not in _FACTS]
    choices = {name: select_top(scores.scores(name), wanted) for name in names}
    # the choice itself, whose ties go by key, in place of the same score's
    has_gates = choice.min_cosine is not None or (choice.limits is not None and bool(choice.limits.needs))
    is_one_of_them = not has_gates and choice.by in [(name,) for name in names]
    return overlap({**choices, choice.by[0]: rows} if is_one_of_them else {"kept": rows, **choices})


def numbers_of(scores: ScoreFile, choice: Choice, kept: Kept) -> dict[str, Any]:
    """What a choice came to, as plain values; cut: the lowest score that is kept."""
    chosen = kept.values[kept.rows]
    return {
        "images": len(scores),
        "wanted": kept.wanted,
        "count": kept.count,
        "by": list(choice.by),
        "cut": float(chosen.min()),
        "refused": dict(kept.refused),
        "overlap": kept.choices.to_json(),
    }
