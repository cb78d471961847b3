"""Queries with their first hits: the worst, some at random, the best."""

import math
from collections.abc import Sequence

from resight.evaluation.rank_lists import Hit, RankList, choose_rows
from resight.report.run_result import RunResult
from resight.report.sections.section import Context, color_of, legend
from resight.report.thumbnails import Thumbnails

REASONS = ("worst", "random", "best")


def rank_lists(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """Cards by reason; those of one query stand together, one for each run that shows it."""
    order: dict[tuple[int, str], int] = {}
    cards = []
    for i, run in enumerate(runs):
        for reasons, found in chosen_lists(run, each=lists_of_each_kind(len(runs))):
            where = order.setdefault((REASONS.index(reasons[0]), f"{found.query.path}{found.query.box}"), len(order))
            card = {**list_card(i, run, found, pictures), "reasons": reasons}
            cards.append(((REASONS.index(reasons[0]), where, i), card))
    if not cards:
        return None
    cards.sort(key=lambda pair: pair[0])
    with_lists = [i for i, run in enumerate(runs) if run.figures is not None]
    return {
        "cards": [card for _, card in cards],
        "runs": legend(runs, with_lists),
        "reasons": REASONS,
        "num_right": sum(card["is_right"] for _, card in cards),
        "sampled": sampling(runs),
        "distances": list(dict.fromkeys(run.figures.distance for run in runs if run.figures is not None)),
    }


def lists_of_each_kind(num_runs: int) -> int:
    """How many worst, random and best queries of a run a page shows: fewer where there are more runs."""
    return {1: 6, 2: 4}.get(num_runs, 2)


def chosen_lists(run: RunResult, *, each: int) -> list[tuple[list[str], RankList]]:
    """Why it is shown, and the list; a query that is chosen for two reasons comes once."""
    data = run.figures
    if data is None:
        return []
    precision = run.report.average_precision
    chosen = choose_rows(precision, among=data.lists.row, num_worst=each, num_random=each, num_best=each)
    reasons: dict[int, list[str]] = {}
    for reason, rows in chosen.items():
        for row in rows:
            reasons.setdefault(row, []).append(reason)
    place = {row: i for i, row in enumerate(data.lists.row.tolist())}
    return [(why, data.rank_list(place[row], float(precision[row]))) for row, why in reasons.items()]


def sampling(runs: Sequence[RunResult]) -> str:
    """How the queries of the pictures were drawn, where not all were taken; else empty."""
    drawn = [run.figures for run in runs if run.figures is not None and run.figures.num_drawn < run.figures.num_query]
    if not drawn:
        return ""
    return f"From {drawn[0].num_drawn:,} of the {drawn[0].num_query:,} queries, drawn at random."


def list_card(index: int, run: RunResult, found: RankList, pictures: Thumbnails) -> Context:
    """What the template needs of one list."""
    precision = found.average_precision
    return {
        "run": index,
        "run_name": run.name,
        "color": color_of(index),
        "is_right": found.is_right,
        "verdict": _verdict(found),
        "average_precision": None if math.isnan(precision) else f"{100 * precision:.1f} %",
        "query": found.query,
        "picture": pictures.get(found.query.path, found.query.box),
        "hits": [_shown_hit(hit, pictures) for hit in found.hits],
    }


def _verdict(found: RankList) -> str:
    if not found.hits:
        return "no gallery row counts"
    if found.is_right:
        return "right at rank 1"
    if math.isnan(found.average_precision):
        return "no match in the gallery"
    first = next((hit.rank for hit in found.hits if hit.match), None)
    return f"first right hit at rank {first}" if first else f"no right hit in the first {len(found.hits)}"


def _shown_hit(hit: Hit, pictures: Thumbnails) -> Context:
    return {"hit": hit, "distance": f"{hit.distance:.3f}", "picture": pictures.get(hit.path, hit.box)}
