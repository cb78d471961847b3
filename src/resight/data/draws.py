"""Random galleries: a protocol draws one image of each test identity several times and reports the mean (VehicleID).

The draws stand in the manifest, in a column of its own. So a manifest says how it is evaluated, and two evaluations of
it see the same galleries. `split` shows the first draw.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resight.data.manifest import Manifest
from resight.errors import DataError

COLUMN = "gallery_draws"  # whole numbers: bit k is set where the row is gallery in draw k; null outside the test
MAX_DRAWS = 62


def draw_galleries(pids: Sequence[str], *, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """One random row of each identity for each draw, as bits.

    Args:
        pids: N identities.
        draws: 1 to 62.
        seed: >= 0.

    Returns:
        (N,): bit k is set where the row is gallery in draw k.

    Raises:
        DataError: if `draws` or `seed` is out of range.
    """
    if not 1 <= draws <= MAX_DRAWS or seed < 0:
        raise DataError(f"draws: expected 1 to {MAX_DRAWS} and a seed of 0 or more, came {draws} and {seed}")
    _, codes = np.unique(np.asarray(pids, dtype=str), return_inverse=True)
    rng = np.random.default_rng(seed)
    bits = np.zeros(len(codes), dtype=np.int64)
    for draw in range(draws):
        order = rng.permutation(len(codes))
        _, first = np.unique(codes[order], return_index=True)  # the first row of each identity in random order
        bits[order[first]] |= 1 << draw
    return bits


def gallery_masks(test: Manifest) -> list[npt.NDArray[np.bool_]]:
    """Which rows are gallery in each draw, (N,) for each; empty where not every row has its draws.

    Raises:
        DataError: if the column holds anything but whole numbers.
    """
    if COLUMN not in test.table.column_names or not len(test):
        return []
    values = test.table.column(COLUMN)
    if values.null_count:
        return []
    try:
        bits = values.cast("int64").to_numpy()
    except pa.ArrowException as error:
        raise DataError(f"column {COLUMN!r}: expected whole numbers, {error}") from error
    return [(bits >> draw) & 1 == 1 for draw in range(int(bits.max()).bit_length())]
