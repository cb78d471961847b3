"""Pictures of rank lists as PNG files, for documents that cannot show the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from resight.data.decode import open_image
from resight.errors import DataError
from resight.evaluation.rank_lists import RankList

Color = tuple[int, int, int]
Box = tuple[float, float, float, float]

_QUERY: Final[Color] = (29, 33, 39)
_RIGHT: Final[Color] = (20, 128, 74)
_WRONG: Final[Color] = (198, 47, 40)
_GROUND: Final[Color] = (255, 255, 255)
_HOLLOW: Final[Color] = (238, 238, 234)
_SOFT: Final[Color] = (100, 107, 118)


def rank_list_figure(
    lists: RankList | Sequence[RankList],
    path: str | Path,
    *,
    k: int = 10,
    image_size: tuple[int, int] = (256, 128),
) -> Path:
    """Draw queries with their first hits: a row for each, right hits framed green, wrong ones red and dashed.

    Args:
        lists: one list or several.
        path: of the PNG file; its folder is made where it is missing.
        k: hits for each query.
        image_size: (height, width) in pixels that each picture is fitted into.

    Returns:
        The path.

    Raises:
        DataError: if there is no list, or an image cannot be read.
    """
    lists = [lists] if isinstance(lists, RankList) else list(lists)
    if not lists:
        raise DataError("rank_list_figure: expected at least one rank list, came none")
    height, width = image_size
    columns = max(min(k, len(found.hits)) for found in lists)
    layout = _Layout(height, width)
    canvas = Image.new("RGB", layout.size(len(lists), columns), _GROUND)
    for row, found in enumerate(lists):
        layout.cell(canvas, row, 0, found.query.path, found.query.box, _QUERY, ["query", found.query.pid or "unknown"])
        for hit in found.hits[:k]:
            color = _RIGHT if hit.match else _WRONG
            texts = [f"{hit.distance:.3f}", hit.pid or "no identity"]
            layout.cell(canvas, row, hit.rank, hit.path, hit.box, color, texts, dashed=not hit.match)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path, "PNG", optimize=True)
    return path


class _Layout:
    """Where things are, in pixels, for pictures of one size."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.frame = max(3, width // 24)
        self.gap = max(6, width // 10)
        self.text = max(11, width // 7)
        self.font = ImageFont.load_default(size=self.text)

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        right = self._left(columns) + self.width + self.gap
        return right, rows * self._row_height() + self.gap

    def cell(
        self,
        canvas: Image.Image,
        row: int,
        column: int,
        path: Path,
        box: Box | None,
        color: Color,
        texts: list[str],
        *,
        dashed: bool = False,
    ) -> None:
        """One picture with its frame and the texts below; column 0 is the query."""
        left, top = self._left(column), self.gap + row * self._row_height()
        picture = ImageOps.contain(open_image(path, box), (self.width, self.height), Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(canvas)
        draw.rectangle((left, top, left + self.width - 1, top + self.height - 1), fill=_HOLLOW)
        canvas.paste(picture, (left + (self.width - picture.width) // 2, top + (self.height - picture.height) // 2))
        self._draw_frame(draw, left, top, color, dashed)
        for line, text in enumerate(texts):
            place = (left + self.width // 2, top + self.height + self.frame + 3 + int(line * self.text * 1.25))
            draw.text(place, self._fitted(text), fill=_QUERY if line == 0 else _SOFT, font=self.font, anchor="ma")

    def _left(self, column: int) -> int:
        between = 0 if column == 0 else 2 * self.gap  # room after the query
        return self.gap + column * (self.width + self.gap) + between

    def _row_height(self) -> int:
        return self.height + int(3.2 * self.text) + self.gap

    def _fitted(self, text: str) -> str:
        if self.font.getlength(text) <= self.width:
            return text
        while text and self.font.getlength(text + "…") > self.width:
            text = text[:-1]
        return text + "…"

    def _draw_frame(self, draw: ImageDraw.ImageDraw, left: int, top: int, color: Color, dashed: bool) -> None:
        right, bottom = left + self.width - 1, top + self.height - 1
        if not dashed:
            draw.rectangle((left, top, right, bottom), outline=color, width=self.frame)
            return
        thick, dash = self.frame - 1, 3 * self.frame
        for x in range(left, right, 2 * dash):
            end = min(x + dash, right)
            draw.rectangle((x, top, end, top + thick), fill=color)
            draw.rectangle((x, bottom - thick, end, bottom), fill=color)
        for y in range(top, bottom, 2 * dash):
            end = min(y + dash, bottom)
            draw.rectangle((left, y, left + thick, end), fill=color)
            draw.rectangle((right - thick, y, right, end), fill=color)
