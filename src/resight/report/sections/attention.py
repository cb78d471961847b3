"""Where each branch of a ViT looked in some queries."""

from collections.abc import Sequence

from resight.inference.attention import Attention
from resight.report.heat import heat_png, seen_png
from resight.report.run_result import RunResult
from resight.report.sections.section import Context, color_of, legend
from resight.report.thumbnails import Thumbnails

MAX_SHARED = 4


def attention(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """A card for each crop: itself, then one picture for each branch."""
    shown = [i for i, run in enumerate(runs) if run.figures is not None and run.figures.attention is not None]
    if not shown:
        return None
    chosen = _crops([runs[i] for i in shown])
    cards = [_card(i, runs[i], crop, pictures) for i, crop in _in_order(shown, chosen)]
    return {
        "num_views": 1 + max(len(card["branches"]) for card in cards),
        "cards": cards,
        "schemes": _schemes(shown, runs),
        "runs": legend(runs, shown),
    }


def _crops(runs: Sequence[RunResult]) -> list[list[int]]:
    """Which of its crops to show of each run: all of a single one; of several those that all have, or four."""
    every = [_keys(run) for run in runs]
    if len(runs) == 1:
        return [list(range(len(every[0])))]
    shared = [key for key in every[0] if all(key in keys for keys in every)]
    if len(shared) > 1:
        return [[keys.index(key) for key in shared[:MAX_SHARED]] for keys in every]
    return [list(range(min(len(keys), MAX_SHARED))) for keys in every]


def _keys(run: RunResult) -> list[tuple[str, str]]:
    assert run.figures is not None
    crops = [run.figures.crops[crop] for crop in run.figures.attention_crop]
    return [(str(crop.path), str(crop.box)) for crop in crops]


def _in_order(shown: Sequence[int], chosen: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """(run, place): the first crop of each run, then the second, so that the same crop stands together."""
    longest = max(len(places) for places in chosen)
    pairs = zip(shown, chosen, strict=True)
    columns = [(run, list(places)) for run, places in pairs]
    return [(run, places[k]) for k in range(longest) for run, places in columns if k < len(places)]


def _card(index: int, run: RunResult, place: int, pictures: Thumbnails) -> Context:
    assert run.figures is not None
    data, maps = run.figures, _maps(run)
    crop = data.attention_crop[place]
    row = dict(zip(data.lists.query.tolist(), data.lists.row.tolist(), strict=True)).get(crop)
    shown = data.crops[crop]
    return {
        "run": index,
        "run_name": run.name,
        "color": color_of(index),
        "crop": shown,
        "average_precision": None if row is None else f"{100 * run.report.average_precision[row]:.1f} %",
        "picture": pictures.get(shown.path, shown.box),
        "branches": [
            {
                "name": name,
                "rollout": heat_png(maps.rollout[place, branch]),
                "last": heat_png(maps.last[place, branch], maps.seen[branch]),
            }
            for branch, name in enumerate(maps.branches)
        ],
    }


def _schemes(shown: Sequence[int], runs: Sequence[RunResult]) -> list[Context]:
    """Which patches stand in the last block of each branch; the same for all images, and shown once for runs alike."""
    schemes: dict[bytes, Context] = {}
    for i in shown:
        maps = _maps(runs[i])
        if len(maps.branches) == 1:
            continue
        parts = [
            {"name": name, "png": seen_png(seen), "count": int(seen.sum())}
            for name, seen in zip(maps.branches, maps.seen, strict=True)
        ]
        rows, columns = maps.seen.shape[1:]
        scheme = {"runs": [], "rows": rows, "columns": columns, "parts": parts}
        schemes.setdefault(maps.seen.tobytes() + bytes(maps.seen.shape), scheme)["runs"] += legend(runs, [i])
    return list(schemes.values())


def _maps(run: RunResult) -> Attention:
    assert run.figures is not None
    assert run.figures.attention is not None
    return run.figures.attention
