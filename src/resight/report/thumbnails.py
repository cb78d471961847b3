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

_MAX_TOLD = 3  # images that are named one by one

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
        small_size: likewise, of the small ones.
        quality: of the JPEGs, 1 to 95.
    """

    def __init__(
        self, size: tuple[int, int] = (128, 160), small_size: tuple[int, int] = (64, 96), quality: int = 80
    ) -> None:
        self._size = size
        self._small_size = small_size
        self._quality = quality
        self._num_blank = 0
        self._made: dict[tuple[Path, Box | None, bool], Thumbnail] = {}

    def get(self, path: Path, box: Box | None = None, *, small: bool = False) -> Thumbnail:
        """The picture of that crop. An image that cannot be read gives one without data, and a log line.

        A small picture is wanted where there are many; where the page has a large one of that crop, that one is taken.
        """
        large = self._made.get((Path(path), box, False))
        if small and large is not None:
            return large
        key = (Path(path), box, small)
        if key not in self._made:
            size = self._small_size if small else self._size
            self._made[key] = self._make(f"picture-{len(self._made)}", Path(path), box, size)
        return self._made[key]

    def all(self) -> list[Thumbnail]:
        return list(self._made.values())

    def tell_blanks(self) -> None:
        """A log line where more images could not be read than were named one by one."""
        if self._num_blank > _MAX_TOLD:
            _logger.warning(
                "in all %d of %d images could not be read; bring them back to where they were, or evaluate again",
                self._num_blank,
                len(self._made),
            )

    def ratio(self) -> float:
        """Median width / height, for frames that suit most of the pictures; 0.5 without any."""
        return statistics.median([one.width / one.height for one in self._made.values() if one.data] or [0.5])

    def _make(self, name: str, path: Path, box: Box | None, size: tuple[int, int]) -> Thumbnail:
        try:
            image = open_image(path, box)
        except DataError as error:
            self._num_blank += 1
            if self._num_blank <= _MAX_TOLD:
                _logger.warning("the page shows a blank for one image: %s", error)
            return Thumbnail(name, *size, data=None)
        image.thumbnail(size, Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=self._quality, optimize=True)
        return Thumbnail(name, *image.size, data=base64.b64encode(stream.getvalue()).decode("ascii"))
