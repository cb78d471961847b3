"""64 bit hashes of rows, to find the few rows that may be equal among millions without holding a second copy of them.

Equal rows have equal hashes; rows of equal hash may differ, so whoever uses this compares the candidates.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_BLOCK = 1 << 16
Hashes = npt.NDArray[np.uint64]


def text_hashes(values: pa.LargeStringArray) -> Hashes:
    """One hash for each text, (N,). What a null gives is not defined.

    Each byte is multiplied by a random number of its position and the products are summed modulo 2^64.
    """
    _, offset_buffer, data_buffer = values.buffers()
    count = len(values)
    if count == 0 or data_buffer is None:
        return np.zeros(count, dtype=np.uint64)
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[values.offset : values.offset + count + 1]
    data = np.frombuffer(data_buffer, dtype=np.uint8)
    longest = int(np.diff(offsets).max())
    factors = np.random.default_rng(0).integers(0, 2**64, size=longest, dtype=np.uint64)
    hashes = np.empty(count, dtype=np.uint64)
    for start in range(0, count, _BLOCK):
        block = offsets[start : min(start + _BLOCK, count) + 1]
        ends = block - block[0]
        place = np.arange(ends[-1]) - np.repeat(ends[:-1], np.diff(ends))  # of each byte in its text
        products = (data[block[0] : block[-1]].astype(np.uint64) + np.uint64(1)) * factors[place]
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(products, dtype=np.uint64)])
        hashes[start : start + _BLOCK] = sums[ends[1:]] - sums[ends[:-1]]
    return hashes


def add_floats(hashes: Hashes, values: npt.NDArray[np.float64]) -> Hashes:
    """Hashes (N,) that take one more float64 column (N,) into account."""
    mixed = (values + 0.0).view(np.uint64) ^ hashes  # + 0.0 makes -0.0 and 0.0 the same
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):  # the finaliser of MurmurHash3
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    result: Hashes = mixed ^ (mixed >> np.uint64(33))
    return result


def repeated(hashes: Hashes) -> npt.NDArray[np.int64]:
    """Ascending positions of the hashes that stand in the array more than once."""
    ordered = np.sort(hashes)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    rows: npt.NDArray[np.int64] = np.flatnonzero(np.isin(hashes, twice))
    return rows
