"""What the processes of a run tell each other; a process alone hears itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Exchange:
    """Between `world` processes, of which this is number `rank`."""

    rank: int
    world: int

    @classmethod
    def alone(cls) -> "Exchange":
        """For a process that shares nothing, even if it is one of several."""
        return cls(0, 1)

    @classmethod
    def of_processes(cls) -> "Exchange":
        """With all processes of the group that torch.distributed has; alone where there is none."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls.alone()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The sum of all processes' counts, in each of them."""
        if self.world == 1:
            return counts
        total = torch.from_numpy(counts.astype(np.int64)).to(_device())
        dist.all_reduce(total)
        result: npt.NDArray[np.int64] = total.cpu().numpy()
        return result

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes in the order of their ranks, in each of them."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier()


def _device() -> torch.device:
    """Where tensors have to lie to be exchanged."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
