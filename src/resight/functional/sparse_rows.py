"""A matrix of which most entries are nothing: the entries of each row, one row after the other."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class SparseRows(NamedTuple):
    """Row i has the entries `starts[i]` to `starts[i + 1]`: the layout that scipy calls CSR."""

    starts: npt.NDArray[np.int64]  # (rows + 1,)
    columns: npt.NDArray[np.int32]  # (M,)
    values: npt.NDArray[np.float32]  # (M,)

    def head(self, count: int) -> "SparseRows":
        """A copy of the first rows."""
        end = self.starts[count]
        return SparseRows(self.starts[: count + 1].copy(), self.columns[:end].copy(), self.values[:end].copy())

    def to_dense(self, num_columns: int, missing: float) -> npt.NDArray[np.float32]:
        """(rows, num_columns), with `missing` where there is no entry."""
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        dense = np.full((len(self.starts) - 1, num_columns), missing, dtype=np.float32)
        dense[rows, self.columns] = self.values
        return dense
