"""Small pictures for a page: each is decoded, shrunk and embedded once, however often it is shown."""

import base64
import io
import logging
import statistics
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from resight.data.decode import open_image
from resight.errors import DataError

_logger = logging.getLogger(__name__)

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture; `data` is None where the image cannot be read."""

    id: str  # the id of its element in the page
    width: int
    height: int
    data: str | None  # base64 JPEG


class Thumbnails:
    """The pictures of one page, in the order in which they were first asked for.

    Args:
        size: (width, height) in pixels that each picture has to fit in.
        quality: of the JPEGs, 1 to 95.
    """

    def __init__(self, size: tuple[int, int] = (128, 160), quality: int = 82) -> None:
        self._size = size
        self._quality = quality
        self._made: dict[tuple[Path, Box | None], Thumbnail] = {}

    def get(self, path: Path, box: Box | None = None) -> Thumbnail:
        """The picture of that crop. An image that cannot be read gives one without data, and a log line."""
        key = (Path(path), box)
        if key not in self._made:
            self._made[key] = self._make(f"picture-{len(self._made)}", *key)
        return self._made[key]

    def all(self) -> list[Thumbnail]:
        return list(self._made.values())

    def ratio(self) -> float:
        """Median width / height, for frames that suit most of the pictures; 0.5 without any."""
        return statistics.median([one.width / one.height for one in self._made.values() if one.data] or [0.5])

    def _make(self, name: str, path: Path, box: Box | None) -> Thumbnail:
        try:
            image = open_image(path, box)
        except DataError as error:
            _logger.warning("the page shows a blank for one image: %s", error)
            return Thumbnail(name, *self._size, data=None)
        image.thumbnail(self._size, Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=self._quality, optimize=True)
        return Thumbnail(name, *image.size, data=base64.b64encode(stream.getvalue()).decode("ascii"))
