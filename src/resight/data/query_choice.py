"""Which images of each identity become queries, so that each query keeps a match in another camera."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Units:
    """The rows gathered into units that are query or gallery as a whole: a track, or a single row without track.

    Attributes:
        of_row: (N,) unit of each row.
        row_pid, row_camera: (N,) codes; camera -1 is unknown.
        pid, camera: (units,) those of one of the unit's rows.
        size: (units,) number of rows.
        key: (units,) random number that orders the units.
        whole: (units,) True if all rows are of one identity and one known camera: only these may become queries.
    """

    of_row: Ints
    row_pid: Ints
    row_camera: Ints
    pid: Ints
    camera: Ints
    size: Ints
    key: Hashes
    whole: Bools

    @classmethod
    def of_rows(cls, pid: Ints, camera: Ints, track: Ints, key: Hashes) -> "Units":
        """Units of the rows with these codes (N,); track -1 is a row by itself."""
        names = np.where(track >= 0, track, np.arange(len(track)) + track.max(initial=-1) + 1)
        _, first, of_row, size = np.unique(names, return_index=True, return_inverse=True, return_counts=True)
        smallest = np.full(len(first), np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(smallest, of_row, key)
        is_odd = (pid != pid[first][of_row]) | (camera != camera[first][of_row]) | (camera < 0)
        whole = np.bincount(of_row, weights=is_odd, minlength=len(first)) == 0
        return cls(of_row, pid, camera, pid[first], camera[first], size, smallest, whole)

    def linked_identities(self) -> Ints:
        """(identities,) for each the smallest code among those that tracks link it with, itself included."""
        link = np.arange(int(self.row_pid.max()) + 1)
        pairs = np.unique(np.stack([self.pid[self.of_row], self.row_pid], axis=1), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        changed = len(pairs) > 0
        while changed:  # as many rounds as the longest chain of tracks
            smaller = np.minimum(link[pairs[:, 0]], link[pairs[:, 1]])
            before = link.copy()
            np.minimum.at(link, pairs[:, 0], smaller)
            np.minimum.at(link, pairs[:, 1], smaller)
            changed = bool((link != before).any())
        return link


@dataclass(frozen=True)
class QueryChoice:
    """The queries that each identity would have if it went to test.

    Attributes:
        is_query: (N,) rows that would become queries.
        testable: (identities,) those with a query at all.
    """

    is_query: Bools
    testable: Bools


def choose_queries(units: Units, query_per_camera: int, *, across_cameras: bool) -> QueryChoice:
    """Choose queries in every identity.

    A place is one identity in one camera. It is a stock if some unit of it stays in the gallery whatever happens: it
    has two units that may become queries, or one that may not. All others are single: one unit, query or gallery.

    Args:
        units: of the rows.
        query_per_camera: images that each place gives to the queries, as far as it has a unit left for the gallery.
        across_cameras: a match has to be in another camera. If False there is one camera and a match may be in it.
    """
    identities = int(units.row_pid.max()) + 1
    cameras = int(units.row_camera.max()) + 1
    row_place = np.where(units.row_camera >= 0, units.row_pid * cameras + units.row_camera, -1)
    names, place_of_row = np.unique(row_place, return_inverse=True)
    unit_place = np.zeros(len(units.pid), dtype=np.int64)
    unit_place[units.of_row] = place_of_row  # right for whole units; others are never looked up
    candidates = np.bincount(unit_place[units.whole], minlength=len(names))
    has_fixed = np.bincount(place_of_row, weights=~units.whole[units.of_row], minlength=len(names)) > 0
    known = names >= 0
    place_pid = np.where(known, names // cameras, 0)
    is_stock = known & ((candidates >= 2) | has_fixed)
    is_single = known & ~is_stock
    asks = is_stock & (candidates > 0)

    def per_identity(mask: Bools) -> Ints:
        return np.bincount(place_pid[mask], minlength=identities)

    stocks, singles, asking = per_identity(is_stock), per_identity(is_single), per_identity(asks)
    if across_cameras:
        keep_one = (stocks == 0) | ((stocks == 1) & (asking == 1))
        testable = (stocks + singles >= 2) & (asking + singles - keep_one >= 1)
    else:
        keep_one = np.zeros(identities, dtype=bool)
        testable = asking >= 1
    kept = _first_single(units, unit_place, is_single, place_pid, identities)
    may = units.whole & testable[units.pid]
    may[kept[keep_one & (kept >= 0)]] = False
    spare = has_fixed | is_single  # places that may give away all their units
    is_query = may & _within_quota(units, unit_place, may, spare, query_per_camera)
    return QueryChoice(is_query[units.of_row], testable)


def _first_single(units: Units, unit_place: Ints, is_single: Bools, place_pid: Ints, identities: int) -> Ints:
    """(identities,) the unit with the smallest key among the single ones, -1 where there is none."""
    first = np.full(identities, -1, dtype=np.int64)
    found = np.flatnonzero(units.whole & is_single[unit_place])
    found = found[np.argsort(units.key[found], kind="stable")][::-1]
    first[place_pid[unit_place[found]]] = found  # the last one written is the smallest
    return first


def _within_quota(units: Units, unit_place: Ints, may: Bools, spare: Bools, quota: int) -> Bools:
    """(units,) the first of each place's candidates, until they hold `quota` rows; one is left where `spare` is not."""
    chosen = np.flatnonzero(may)
    chosen = chosen[np.lexsort((units.key[chosen], unit_place[chosen]))]
    place = unit_place[chosen]
    starts = np.flatnonzero(np.append(True, place[1:] != place[:-1])) if len(place) else np.zeros(0, dtype=np.int64)
    counts = np.diff(np.append(starts, len(place)))
    rows_before = np.cumsum(units.size[chosen]) - units.size[chosen]
    rows_before = rows_before - np.repeat(rows_before[starts], counts)
    is_last = np.zeros(len(place), dtype=bool)
    is_last[starts + counts - 1] = True
    result = np.zeros(len(units.pid), dtype=bool)
    result[chosen] = (rows_before < quota) & (spare[place] | ~is_last)
    return result
