"""One process at a time in the folder of a run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from resight.errors import TrainingError
from resight.files import held_lock

LOCK = ".lock"


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a run's folder; a kill releases it. Windows has no such locks: all may enter.

    Args:
        folder: of the run; is made.

    Raises:
        TrainingError: if another process holds it, or it is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise TrainingError(f"{folder} is or lies under a file, not a folder; choose another folder") from error
    with ExitStack() as stack:
        try:
            stack.enter_context(held_lock(folder / LOCK))
        except BlockingIOError as error:
            raise TrainingError(
                f"another process is training in {folder}; wait for it or end it, or choose another folder"
            ) from error
        yield
