"""A queue of keys from past batches: the negatives of MoCo v2 and MoBY."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from resight.errors import TrainingError


class KeyQueue:
    """The last K keys, the oldest of which the next ones replace.

    Args:
        size: K.
        dim: of a key.
        wraps: whether a batch may reach over the end and go on at the start, as the code of LUPerson does; else K has
            to be divisible by the batch of all processes, as in MoCo v2 and MoBY.

    It begins with random unit vectors, from torch's random numbers.
    """

    def __init__(self, size: int, dim: int, *, wraps: bool = False) -> None:
        if size < 1 or dim < 1:
            raise ValueError(f"a queue needs 1 key or more of 1 number or more, not {size} of {dim}")
        self.keys = F.normalize(torch.randn(size, dim), dim=1)  # (K, D)
        self.place = 0
        self.wraps = wraps

    def to(self, device: torch.device) -> None:
        self.keys = self.keys.to(device)

    def check(self, count: int) -> None:
        """Whether batches of `count` keys, of all processes together, can fill it.

        Raises:
            TrainingError: if the batch is larger than the queue, or K is not divisible by it and the queue does not
                wrap.
        """
        size = len(self.keys)
        if count > size or (size % count and not self.wraps):
            nearest = count * max(round(size / count), 1)
            raise TrainingError(
                f"a queue of {size} keys cannot be filled by batches of {count} images (all processes together); take "
                f"a batch that divides {size}, or a queue of {nearest} keys"
            )

    def put(self, keys: Tensor) -> None:
        """Replaces the oldest keys by (B, D); see `check`."""
        size, count = len(self.keys), len(keys)
        self.check(count)
        places = (self.place + torch.arange(count, device=self.keys.device)) % size
        self.keys[places] = keys.detach().to(self.keys.dtype)
        self.place = (self.place + count) % size

    def state(self) -> dict[str, Any]:
        return {"keys": self.keys, "place": self.place}

    def load_state(self, state: dict[str, Any]) -> None:
        """Raises ValueError if the queue has another size."""
        if state["keys"].shape != self.keys.shape:
            raise ValueError(
                f"its queue holds {len(state['keys'])} keys of {state['keys'].shape[1]} numbers, that of this run "
                f"{len(self.keys)} of {self.keys.shape[1]}"
            )
        self.keys, self.place = state["keys"].to(self.keys.device, copy=True), int(state["place"])
