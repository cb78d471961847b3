"""Compiling a kernel with numba, and running it on several threads.

Kernels give the interpreter's lock away, so plain threads run them side by side: there is no thread pool of numba's
own that could meet torch's, and a process that forks later inherits none. Import this only where a kernel is wanted:
it imports numba.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import torch
from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
Run: TypeAlias = Callable[..., None]

# No NaN and no signed zero: without that promise a running maximum cannot be vectorised. Infinity stays allowed.
_FLAGS = {"nnan", "nsz", "reassoc", "contract"}


def compiled(kernel: Function) -> Function:
    """The kernel as machine code, made at its first call and kept on disk for the next process where that is possible.

    Args:
        kernel: takes arrays without NaN and numbers; writes its results into arrays.
    """
    return _compiled(kernel, fastmath=_FLAGS)


def strictly_compiled(kernel: Function) -> Function:
    """The same with arithmetic as it is written: for kernels that may meet NaN."""
    return _compiled(kernel)


def compiled_for(signature: Any) -> Callable[[Function], Function]:
    """Compiles a function strictly, at once and for one signature.

    Args:
        signature: numba's, such as `numba.void(numba.uint8[::1], numba.int64)`.
    """
    return lambda kernel: _compiled(kernel, signature)


def _compiled(kernel: Function, signature: Any = None, fastmath: bool | set[str] = False) -> Function:
    try:
        function: Function = njit(signature, nogil=True, cache=True, fastmath=fastmath)(kernel)
    except RuntimeError:  # no folder for the cache can be written
        function = njit(signature, nogil=True, fastmath=fastmath)(kernel)
    return function


@contextmanager
def row_threads() -> Iterator[Run]:
    """Inside `with`, `run(kernel, total, *arguments)` shares the rows 0..total of a kernel among torch's threads.

    The kernel is called as `kernel(*arguments, start, stop)`. Rows are handed out in a few portions for each thread,
    so that an uneven row cost evens out.
    """
    threads = torch.get_num_threads()

    def run_here(kernel: Callable[..., None], total: int, *arguments: Any) -> None:
        kernel(*arguments, 0, total)

    if threads == 1:
        yield run_here
        return

    with ThreadPoolExecutor(threads) as pool:

        def run(kernel: Callable[..., None], total: int, *arguments: Any) -> None:
            size = max(1, -(-total // (4 * threads)))
            starts = range(0, total, size)
            list(pool.map(lambda start: kernel(*arguments, start, min(start + size, total)), starts))

        yield run
