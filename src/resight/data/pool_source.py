"""What a pool of images is: rows to read, whatever holds their bytes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from PIL import UnidentifiedImageError

from resight.data.decode import Box, Decoder, open_pixels
from resight.data.manifest import Manifest
from resight.errors import DataError


class Pool(ABC):
    """N images, numbered from 0. Any thread and any worker process may read, whether it was forked or spawned."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def key(self, row: int) -> str:
        """What the image is called; no two have the same key."""

    @abstractmethod
    def read(self, row: int) -> bytes:
        """The encoded bytes of the image.

        Raises:
            DataError: if they are missing or damaged; the message names the place.
            IndexError: if there is no such row.
        """

    @abstractmethod
    def manifest(self) -> Manifest:
        """What is known of the images, in the order of the pool."""

    def box(self, row: int) -> Box | None:
        """(x, y, width, height) of the crop inside the image, in pixels; None for the whole image."""
        return None

    def announce(self, rows: Sequence[int]) -> None:
        """Say which rows are read next, so that the disk can work on all of them at once."""
        return

    def pixels(self, row: int, decoder: Decoder = "pillow") -> np.ndarray:
        """The crop, upright and RGB: (H, W, 3) uint8, which may be read-only.

        Args:
            row: from 0.
            decoder: see `resight.data.decode.open_pixels`.

        Raises:
            DataError: if it cannot be read or decoded; the message names it.
            MissingExtraError: for the decoder `turbo` without the extra `fast`.
        """
        data = self.read(row)
        try:
            return open_pixels(data, self.box(row), decoder)
        except DataError as error:
            raise DataError(f"cannot use the image {self.key(row)} (row {row}): {_reason(error)}") from error


def _reason(error: DataError) -> BaseException | str:
    """What is wrong with the bytes; Pillow names them by their address, which says nothing and is never the same."""
    return (
        "it is no image, or cut short"
        if isinstance(error.__cause__, UnidentifiedImageError)
        else error.__cause__ or error
    )
