"""Queries that another run answers much better or much worse than the first one."""

from collections.abc import Sequence

from resight.report.comparison import Change, Comparison, compare
from resight.report.run_result import RunResult
from resight.report.sections.rank_lists import list_card, sampling
from resight.report.sections.section import Context, color_of, legend
from resight.report.thumbnails import Thumbnails


def changes(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """For each run but the first: counts, and the queries that gained and lost most, with both lists."""
    if len(runs) < 2:
        return None
    each = max(1, 6 // (len(runs) - 1))
    compared = [(i, compare(runs[0], run, num_changes=each)) for i, run in enumerate(runs) if i]
    found = [(i, one) for i, one in compared if one is not None]
    return {
        "first": {"name": runs[0].name, "color": color_of(0)},
        "counts": [_counts(i, runs[i], one) for i, one in found],
        "cards": [card for i, one in found for card in _cards(runs, i, one, pictures)],
        "runs": legend(runs, [i for i, _ in found]),
        "not_compared": [runs[i].name for i, one in compared if one is None],
        "sampled": sampling(runs),
    }


def _counts(index: int, run: RunResult, one: Comparison) -> Context:
    total = max(one.num_better + one.num_worse + one.num_same, 1)
    return {
        "name": run.name,
        "color": color_of(index),
        "one": one,
        "shares": [100 * count / total for count in (one.num_better, one.num_same, one.num_worse)],
    }


def _cards(runs: Sequence[RunResult], index: int, one: Comparison, pictures: Thumbnails) -> list[Context]:
    cards = []
    for kind, changed in (("gained", one.gained), ("lost", one.lost)):
        for change in changed:
            cards.append(
                {
                    "run": index,
                    "kind": kind,
                    "difference": f"{100 * (change.other - change.first):+.1f}",
                    "before": _card(runs, 0, change.first, change, pictures),
                    "after": _card(runs, index, change.other, change, pictures),
                }
            )
    return cards


def _card(runs: Sequence[RunResult], index: int, precision: float, change: Change, pictures: Thumbnails) -> Context:
    data = runs[index].figures
    assert data is not None
    place = {row: i for i, row in enumerate(data.lists.row.tolist())}
    return list_card(index, runs[index], data.rank_list(place[change.row], precision), pictures)
