"""One self-contained HTML page about what a filter keeps of a pool, from the file of all scores."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from resight.data.manifest import Manifest
from resight.environment import environment
from resight.errors import DataError
from resight.files import whole_file
from resight.report.filter_data import FilterData, Level, Scored, collect_filter_data
from resight.report.rendering import template_text, templates
from resight.report.thumbnails import Thumbnails

_TARGETS = 36  # target images that are shown
_SIZE: Final = (76, 112)  # of a picture, in pixels


def write_filter_page(
    path: str | Path,
    scores: str | Path,
    *,
    by: str,
    values: npt.NDArray[np.float32],
    kept: npt.NDArray[np.bool_],
    target: Manifest,
    choices: Sequence[str] = (),
    shared: npt.NDArray[np.int64] | None = None,
    title: str = "Filtered pool",
    description: str = "",
    about: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Path:
    """Write the page; some 600 small pictures, a megabyte or two, whatever the size of the pool.

    Args:
        path: the HTML file; its folder is made where it is missing. It appears complete or not at all.
        scores: Parquet manifest of the pool, N rows; read a group of rows at a time.
        by: what the score is called.
        values: (N,) the score, NaN where an image has none.
        kept: (N,) which images are kept.
        target: images of the target set; some are drawn at random.
        choices: names of several choices among the pool.
        shared: (K, K) images that two of these choices both keep, on the diagonal those that each keeps.
        title: heading of the page.
        description: what was filtered, in a sentence or two.
        about: names and values for the end of the page; versions, machine and command where it is None.
        seed: of the images that are drawn.

    Returns:
        The path.

    Raises:
        DataError: if the scores cannot be read or do not fit, or `shared` does not fit `choices`.
        MissingExtraError: if jinja2 is not installed (extra `report`).
    """
    counts = np.zeros((0, 0), dtype=np.int64) if shared is None else shared
    if counts.shape != (len(choices), len(choices)):
        raise DataError(
            f"write_filter_page: expected counts of {len(choices)} x {len(choices)} choices, came {counts.shape}"
        )
    files = templates()
    data = collect_filter_data(Path(scores), values, np.asarray(kept, dtype=np.bool_), seed=seed)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(target))[:_TARGETS])
    pictures = Thumbnails(size=_SIZE)
    contexts = _contexts(data, by, target.select(drawn), _overlap_rows(choices, counts), pictures)
    pictures.tell_blanks()
    html = files.get_template("filter_page.html").render(
        title=title,
        description=description,
        about=dict(environment() if about is None else about),
        sections=[
            {"id": name, "title": heading, "html": files.get_template(f"filter_{name}.html").render(**context)}
            for name, heading, context in contexts
        ],
        pictures=pictures.all(),
        ratio=pictures.ratio(),
        data=data,
        by=by,
        cut="–" if data.cut is None else f"{data.cut:.{_digits(data)}f}",
        num_target=len(target),
        style=template_text("style.css") + template_text("filter_page.css"),
        script=template_text("page.js") + template_text("filter_page.js"),
    )
    with whole_file(Path(path)) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
    return Path(path)


def _contexts(
    data: FilterData, by: str, targets: Manifest, overlap: list[dict[str, Any]], pictures: Thumbnails
) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, heading and values of each section that has something to show."""
    sections: list[tuple[str, str, dict[str, Any]]] = [
        ("scores", "Scores", _scores_context(data, by, pictures)),
        ("sheets", "Highest, lowest and target", {"sheets": _sheets(data, by, targets, pictures)}),
    ]
    if data.folders:
        sections.append(("folders", "Source folders", {"data": data}))
    if len(overlap) > 1:
        sections.append(("overlap", "Choices in common", {"rows": overlap}))
    return sections


def _scores_context(data: FilterData, by: str, pictures: Thumbnails) -> dict[str, Any]:
    digits = _digits(data)
    edges = [data.levels[0].low, *(level.high for level in data.levels)]
    return {
        "data": data,
        "by": by,
        "texts": [_level_text(level, by, data.total - data.unscored, digits) for level in data.levels],
        "ends": [f"{edge:.{digits}f}" for edge in (edges[0], edges[-1])],
        "has_tail": edges[1] - edges[0] > 1.001 * (edges[-1] - edges[-2]),
        "most": max(level.count for level in data.levels),
        "start": next((i for i, level in enumerate(data.levels) if level.kept), 0),  # where the cut is
        "cards": [_cards(level.samples, digits, pictures) for level in data.levels],
    }


def _digits(data: FilterData) -> int:
    """Decimals in which the scores of two levels differ."""
    width = data.levels[-1].high - data.levels[-1].low
    return min(8, max(0, 1 - math.floor(math.log10(width))))


def _level_text(level: Level, by: str, total: int, digits: int) -> str:
    share = f"{level.count:,} images, {100 * level.count / total:.1f} %"
    if level.count == 0:
        share = "no images"
    elif level.kept == level.count:
        share += ", all kept"
    elif level.kept == 0:
        share += ", none kept"
    else:
        share += f", {100 * level.kept / level.count:.0f} % of them kept"
    return f"{by} {level.low:.{digits}f} to {level.high:.{digits}f}: {share}"


def _cards(images: Iterable[Scored], digits: int, pictures: Thumbnails) -> list[dict[str, Any]]:
    return [
        {
            "kind": "kept" if image.is_kept else "dropped",
            "picture": pictures.get(image.path, image.box),
            "text": f"{'kept' if image.is_kept else 'left out'}, score {image.score:.{digits}f}",
            "name": image.path.name,
            "score": f"{image.score:.{digits}f}",
        }
        for image in images
    ]


def _sheets(data: FilterData, by: str, targets: Manifest, pictures: Thumbnails) -> list[dict[str, Any]]:
    digits = _digits(data)
    shown = [
        {
            "kind": "target",
            "picture": pictures.get(targets.image_path(row), targets.box(row)),
            "text": "target image",
            "name": targets.image_path(row).name,
            "score": "",
        }
        for row in range(len(targets))
    ]
    parts = (
        ("Highest", f"The images of the highest {by}, best first.", _cards(data.highest, digits, pictures)),
        ("Lowest", f"The images of the lowest {by}, worst first.", _cards(data.lowest, digits, pictures)),
        ("Target", "Images of the target set, drawn at random: what the kept ones should resemble.", shown),
    )
    return [{"title": title, "hint": hint, "cards": cards} for title, hint, cards in parts if cards]


def _overlap_rows(choices: Sequence[str], shared: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    kept = np.diag(shared)
    return [
        {
            "name": name,
            "kept": int(kept[i]),
            "cells": [_overlap_cell(other, i, j, shared) for j, other in enumerate(choices)],
        }
        for i, name in enumerate(choices)
    ]


def _overlap_cell(name: str, i: int, j: int, shared: npt.NDArray[np.int64]) -> dict[str, Any]:
    both, row, column = int(shared[i, j]), int(shared[i, i]), int(shared[j, j])
    share = both / (row + column - both) if row + column else 0.0
    return {
        "name": name,
        "same": i == j,
        "share": round(share, 4),
        "text": f"{100 * share:.0f} %",
        "both": both,
        "only_row": row - both,
        "only_column": column - both,
    }
