"""Several scores as one: they differ in scale, so what counts is the place that each gives to an image."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]


def rank_share(scores: Scores) -> Scores:
    """For each row the share of the others that score lower, (N,), 0..1; equal ones count half; NaN stays NaN."""
    result = np.full(len(scores), np.nan, dtype=np.float32)
    known = np.flatnonzero(~np.isnan(scores))
    if len(known) < 2:
        result[known] = 1.0
        return result
    order = known[np.argsort(scores[known], kind="stable")]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) != 0]))
    ends = np.append(starts[1:], len(order))
    middle = (starts + ends - 1) / 2 / (len(order) - 1)
    result[order] = np.repeat(middle, ends - starts)
    return result


def combined(columns: Sequence[Scores]) -> Scores:
    """The mean of the rank shares of several scores, (N,); one score alone stays as it is.

    Args:
        columns: one score or more, (N,) each, NaN where a row has none.

    Raises:
        ValueError: if there is none.
    """
    if not columns:
        raise ValueError("expected at least one score to select by, came none")
    if len(columns) == 1:
        return columns[0]
    total: Scores = np.zeros(len(columns[0]), dtype=np.float32)
    for column in columns:
        total += rank_share(column)
    total /= np.float32(len(columns))
    return total
