"""Ranks of matches from blocks of distances, whoever makes them."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.functional.match_rows import Integers, match_rows
from resight.functional.matching import Matching, MatchRanks
from resight.functional.rank_search import search_ranks

_COMPILED_FROM = 2**22  # query-gallery pairs; fewer are counted sooner than the compiled kernel is read from disk
_SWEEP_LIMIT = 512  # matches of a query beyond which looking distances up costs less than a sweep for each match


class RankCounter:
    """Takes the distances of all queries to the whole gallery, some queries at a time, and keeps the matches' ranks.

    The ranks are those of a stable sort by (distance, gallery row), exactly: before a match are the rows that are
    closer, and those at the same distance that are lower. 0.0 and -0.0 are the same distance, infinity is one like
    others.

    Example:
        counter = RankCounter(codes)
        for rows, block in blocks_of_distances:  # of queries 0 to 255, 256 to 511, ...
            counter.add(rows, block)
        found = counter.result()

    Args:
        matching: codes of all Q queries and G gallery rows.
    """

    def __init__(self, matching: Matching) -> None:
        self._matching = matching.to(torch.device("cpu"))
        self._rows = match_rows(self._matching)
        self._found: dict[int, tuple[int, Tensor]] = {}  # first query of a block -> its end, its ranks

    def add(self, rows: slice, distances: Tensor) -> None:
        """Count in the block of some queries. It is only read, and may be overwritten as soon as this returns.

        Args:
            rows: which queries, without a step; the blocks may come in any order.
            distances: (B, G) real, on any device.

        Raises:
            ValueError: if the shape does not fit, or a distance is NaN.
        """
        start, stop, step = rows.indices(len(self._matching.query_label))
        shape = (stop - start, len(self._matching.gallery_label))
        if step != 1 or tuple(distances.shape) != shape:
            raise ValueError(
                f"ranking: for {rows} of {len(self._matching.query_label)} queries expected distances of shape "
                f"{shape}, got {tuple(distances.shape)}"
            )
        if start < stop:
            self._found[start] = (stop, self._ranks(start, stop, _comparable(distances.detach())))

    def result(self) -> MatchRanks:
        """The ranks of all queries.

        Raises:
            ValueError: if the blocks do not cover every query once.
        """
        end = 0
        for start, (stop, _) in sorted(self._found.items()):
            if start != end:
                break
            end = stop
        if end != len(self._matching.query_label):
            raise ValueError(f"ranking: expected blocks that cover every query once; query {end} is in none or in two")
        parts = [ranks for _, (_, ranks) in sorted(self._found.items())]
        return MatchRanks(
            torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64),
            torch.from_numpy(self._rows.num_matches),
            torch.from_numpy(self._rows.num_candidates),
        )

    def _ranks(self, start: int, stop: int, distances: Tensor) -> Tensor:
        num_pairs = len(self._matching.query_label) * len(self._matching.gallery_label)
        if distances.device.type == "cpu" and num_pairs >= _COMPILED_FROM:
            return self._compiled_ranks(start, stop, distances)
        _refuse_nan(torch.isnan(distances).any(1).cpu().numpy(), start)
        return self._searched_ranks(torch.arange(start, stop), distances)

    def _searched_ranks(self, queries: Tensor, distances: Tensor) -> Tensor:
        if self._matching.query_label.device != distances.device:
            self._matching = self._matching.to(distances.device)
        return search_ranks(distances, self._matching, queries.to(distances.device)).cpu()

    def _compiled_ranks(self, start: int, stop: int, distances: Tensor) -> Tensor:
        from resight.functional.compiled import row_threads  # imports numba, as does the kernel
        from resight.functional.rank_kernel import count_ranks

        own = slice(start, stop)
        labels, groups, uncounted, num_matches, _ = self._rows
        num_matches = num_matches[own]
        is_wide = num_matches > _SWEEP_LIMIT
        places = np.concatenate([[0], np.cumsum(np.where(is_wide, 0, num_matches))])
        ranks, has_nan = np.empty(places[-1], dtype=np.int64), np.empty(stop - start, dtype=np.bool_)
        with row_threads() as run:
            run(
                count_ranks, stop - start, distances.contiguous().numpy(), labels.rows, labels.spans[own],
                groups.rows, groups.spans[own], uncounted, self._matching.query_group[own].numpy(),
                self._matching.gallery_group.numpy(), places, ranks, has_nan,
            )  # fmt: skip
        _refuse_nan(has_nan, start)
        ranks = _ascending(ranks, places)
        if is_wide.any():
            wide = torch.from_numpy(np.flatnonzero(is_wide))
            swept, ranks = ranks, np.empty(num_matches.sum(), dtype=np.int64)
            searched = np.repeat(is_wide, num_matches)
            ranks[~searched] = swept
            ranks[searched] = self._searched_ranks(wide + start, distances[wide]).numpy()
        return torch.from_numpy(ranks)


def _comparable(distances: Tensor) -> Tensor:
    """In a type that both ways of counting know; every value stays what it is, in its order."""
    if distances.dtype in (torch.float16, torch.bfloat16):
        return distances.float()
    return distances if distances.dtype in (torch.float32, torch.float64) else distances.double()


def _refuse_nan(has_nan: npt.NDArray[np.bool_], start: int) -> None:
    if has_nan.any():
        raise ValueError(f"ranking: a distance of query {start + int(has_nan.argmax())} is NaN, so it has no rank")


def _ascending(ranks: Integers, places: Integers) -> Integers:
    """The ranks sorted within each query. Its number stands before them in the upper bits, so one sort is enough."""
    query = np.repeat(np.arange(len(places) - 1), np.diff(places))
    keys = np.sort((query << 40) | ranks)
    return keys & ((1 << 40) - 1)
