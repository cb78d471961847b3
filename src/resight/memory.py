"""Running out of memory, said in a way that helps."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from resight.errors import MemoryLimitError


@contextmanager
def explain_out_of_memory(what: str, advice: str) -> Iterator[None]:
    """Inside `with`, torch's error of a device or machine without memory left becomes a `MemoryLimitError`.

    Args:
        what: was being done.
        advice: what to lower.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        reason = str(error).partition("\n")[0].partition(" See documentation")[0]
        raise MemoryLimitError(f"out of memory while {what}; {advice}. ({reason})") from error
