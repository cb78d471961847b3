"""Embeddings of a few identities as points."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from resight.report.figure_data import EmbeddingMap, FigureData
from resight.report.run_result import RunResult
from resight.report.sections.section import NUM_COLORS, Context, color_of, legend
from resight.report.thumbnails import Thumbnails

WIDTH, HEIGHT, _MARGIN = 560, 420, 14
MAX_MAPS = 4


def embedding_map(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """One map for each run, the first four; the pictures of their points are smaller than those of the lists."""
    shown = [i for i, run in enumerate(runs) if run.figures is not None and run.figures.embedding_map is not None]
    maps = [_one(i, runs[i], pictures) for i in shown[:MAX_MAPS]]
    if not maps:
        return None
    names = list(dict.fromkeys(name for one in maps for name in one["projections"]))
    return {
        "maps": maps,
        "projections": names,
        "runs": legend(runs, shown[:MAX_MAPS]),
        "width": WIDTH,
        "height": HEIGHT,
        "num_images": max(len(one["points"]) for one in maps),
        "num_identities": max(one["num_identities"] for one in maps),
        "left_out": len(shown) - len(maps),
    }


def _one(index: int, run: RunResult, pictures: Thumbnails) -> Context:
    assert run.figures is not None
    data, found = run.figures, run.figures.embedding_map
    assert found is not None
    hues, cameras = identity_hues(data, found), camera_numbers(data, found)
    places = {name: placed(points) for name, points in found.points.items()}
    points = []
    for i, crop in enumerate(found.crop.tolist()):
        shown = data.crops[crop]
        points.append(
            {
                "at": {name: [float(value) for value in where[i]] for name, where in places.items()},
                "is_query": bool(found.is_query[i]),
                "hue": hues[i],
                "camera": cameras[i] % NUM_COLORS,
                "pid": shown.pid,
                "camid": shown.camid,
                "picture": pictures.get(shown.path, shown.box, small=True),
            }
        )
    return {
        "run": index,
        "name": run.name,
        "color": color_of(index),
        "points": points,
        "projections": list(places),
        "explained": [f"{100 * share:.0f} %" for share in found.explained],
        "num_identities": len(set(hues)),
    }


def identity_hues(data: FigureData, found: EmbeddingMap) -> list[int]:
    """A hue in degrees for each point, as far apart as they can be for the first identities."""
    numbers: dict[str | None, int] = {}
    return [
        round(numbers.setdefault(data.crops[crop].pid, len(numbers)) * 137.508 + 210) % 360
        for crop in found.crop.tolist()
    ]


def camera_numbers(data: FigureData, found: EmbeddingMap) -> list[int]:
    """The number of each point's camera, in the order of the names."""
    names = [data.crops[crop].camid or "" for crop in found.crop.tolist()]
    order = {name: i for i, name in enumerate(sorted(set(names), key=lambda name: (len(name), name)))}
    return [order[name] for name in names]


def placed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 2) in the drawing, both axes to one scale."""
    low, high = points.min(0), points.max(0)
    spread = np.maximum(high - low, 1e-12)
    scale = min((WIDTH - 2 * _MARGIN) / spread[0], (HEIGHT - 2 * _MARGIN) / spread[1])
    centred = (points - (low + high) / 2) * scale * np.array([1.0, -1.0])
    there: npt.NDArray[np.float64] = (centred + np.array([WIDTH, HEIGHT]) / 2).round(1)
    return there
