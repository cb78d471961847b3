"""Camera pairs, maps, attention and rank lists, by matplotlib."""

import colorsys
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from resight.data.decode import open_image
from resight.errors import DataError
from resight.evaluation.camera_pairs import CameraPairs
from resight.evaluation.rank_lists import Crop, Hit, RankList
from resight.inference.attention import Attention
from resight.report.drawings.charts import COLORS, new_figure
from resight.report.figure_data import EmbeddingMap, FigureData
from resight.report.heat import heat_rgba
from resight.report.run_result import RunResult
from resight.report.sections.camera_pairs import busiest
from resight.report.sections.embedding_map import identity_hues
from resight.report.sections.rank_lists import REASONS, chosen_lists

_SIZE: Final = (128, 224)  # width and height in pixels that a crop has to fit into
_RIGHT, _WRONG = COLORS[8], COLORS[9]
_HOLLOW: Final = "#eeeeea"  # a pair of cameras without queries
_ATTENTION: Final = {"rollout": "Attention roll-out", "last": "Attention in the last block; grey: not in the branch"}


def draw_camera_pairs(pairs: CameraPairs) -> Any:
    """MAP by the camera of the query and that of the gallery."""
    shown = busiest(pairs)
    count = len(shown.cameras)
    side = max(3.0, 0.42 * count)
    figure = new_figure(side + 1.2, side + 0.4)
    axes = figure.add_subplot()
    values = np.ma.masked_invalid(100 * shown.mean_ap)
    image = axes.imshow(values, cmap="Blues")
    axes.set_facecolor(_HOLLOW)
    for i, j in np.argwhere(shown.num_queries == 0).tolist():
        axes.text(j, i, "–", ha="center", va="center", color="#646b76", size=8)
    middle = (float(values.min()) + float(values.max())) / 2
    for i, j in np.argwhere(shown.num_queries > 0).tolist():
        value = float(values[i, j])
        axes.text(j, i, f"{value:.0f}", ha="center", va="center", color="white" if value > middle else "black", size=8)
    names = ["?" if name is None else name for name in shown.cameras]
    axes.set_xticks(range(count), names)
    axes.set_yticks(range(count), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set(xlabel="camera of the gallery", ylabel="camera of the query")
    figure.colorbar(image, ax=axes, shrink=0.8, label="mAP, %")
    return figure


def draw_map(data: FigureData, found: EmbeddingMap, projection: str) -> Any:
    """The points of one projection, a colour for each identity."""
    figure = new_figure(5.6, 4.6)
    axes = figure.add_subplot()
    colors = np.array([colorsys.hls_to_rgb(hue / 360, 0.48, 0.62) for hue in identity_hues(data, found)])
    points = found.points[projection]
    for is_query, marker, label in ((False, "o", "gallery"), (True, "D", "query")):
        rows = found.is_query == is_query
        if rows.any():
            style = {"s": 22, "edgecolors": "white", "linewidths": 0.5}
            axes.scatter(*points[rows].T, c=colors[rows], marker=marker, label=label, **style)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    shares = [f", {100 * share:.0f} % of the variance" if projection == "PCA" else "" for share in found.explained]
    axes.set(xlabel=f"{projection} 1{shares[0]}", ylabel=f"{projection} 2{shares[1]}")
    num_identities = len({data.crops[crop].pid for crop in found.crop.tolist()})
    axes.set_title(f"{num_identities} identities, a colour for each", size=9)
    legend = axes.legend(frameon=False, fontsize=8)
    for handle in legend.legend_handles:
        handle.set_color("#646b76")
    return figure


def draw_attention(data: FigureData, maps: Attention, kind: str) -> Any:
    """A row for each crop, a column for each branch; kind: `rollout` or `last`."""
    shares = getattr(maps, kind)
    rows, columns = len(data.attention_crop), 1 + len(maps.branches)
    figure = new_figure(0.8 * columns, 1.45 * rows + 0.6)
    figure.suptitle(f"{_ATTENTION[kind]}\nfrom night (least) to light (most)", size=8)
    grid = figure.subplots(rows, columns, squeeze=False)
    for i, crop in enumerate(data.attention_crop):
        picture = _picture(data.crops[crop])
        for j, axes in enumerate(grid[i]):
            axes.axis("off")
            axes.imshow(picture)
            if i == 0:
                axes.set_title("crop" if j == 0 else maps.branches[j - 1], size=8)
            if j:
                overlay = heat_rgba(shares[i, j - 1], maps.seen[j - 1] if kind == "last" else None)
                how = "nearest" if kind == "last" else "bilinear"
                axes.imshow(
                    overlay, extent=(-0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5, -0.5), interpolation=how
                )
    return figure


def draw_rank_lists(run: RunResult) -> Iterator[tuple[str, Any]]:
    """One figure for each reason: the queries with their first hits, right ones framed green, wrong ones red."""
    chosen = chosen_lists(run, each=6)
    for reason in REASONS:
        lists = [found for reasons, found in chosen if reason in reasons]
        if lists:
            yield reason, _lists(lists, f"{reason.capitalize()} queries: distance, identity, camera; dashed red: wrong")


def _lists(lists: list[RankList], title: str) -> Any:
    columns = 1 + max(len(found.hits) for found in lists)
    figure = new_figure(0.75 * columns, 1.8 * len(lists) + 0.5)
    figure.suptitle(title, size=8)
    grid = figure.subplots(len(lists), columns, squeeze=False)
    for line, found in zip(grid, lists, strict=True):
        precision = "" if math.isnan(found.average_precision) else f"AP {100 * found.average_precision:.1f} %"
        _cell(line[0], found.query, "#1d2127", "-", precision, found.query.pid or "unknown")
        for axes, hit in zip(line[1:], found.hits, strict=False):
            color, style = (_RIGHT, "-") if hit.match else (_WRONG, (0, (3, 2)))
            _cell(axes, hit, color, style, f"{hit.distance:.3f}", hit.pid or "no identity")
        for axes in line[1 + len(found.hits) :]:
            axes.axis("off")
    for place, axes in enumerate(grid[0]):
        axes.set_title(str(place) if place else "query", size=7)
    return figure


def _cell(axes: Any, crop: Crop | Hit, color: str, style: Any, number: str, identity: str) -> None:
    axes.imshow(_picture(crop))
    axes.set_xticks([])
    axes.set_yticks([])
    camera = "" if crop.camid is None else f"camera {crop.camid}" if crop.camid.isdecimal() else crop.camid
    axes.set_xlabel(f"{number}\n{identity}\n{camera}".rstrip(), size=6)
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=color, linewidth=2, linestyle=style)


def _picture(crop: Crop | Hit) -> npt.NDArray[np.uint8]:
    """(height, width, 3), the whole crop; grey where the image cannot be read."""
    try:
        image = open_image(crop.path, crop.box)
    except DataError:
        return np.full((_SIZE[1], _SIZE[0], 3), 225, dtype=np.uint8)
    return np.asarray(ImageOps.contain(image, _SIZE, Image.Resampling.LANCZOS))
