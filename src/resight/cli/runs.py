"""What the commands that fill a run folder share: which folder it is, and how to go on after an interruption."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resight.cli.console import note


def run_folder(recipe: str, output: Path | None, *, resume: bool) -> Path:
    """The folder of the run: what was asked for, or one in `runs` that is called as the recipe is.

    Args:
        recipe: name or file; the recipe.yaml that a run keeps stands for that run.
        output: what was asked for.
        resume: whether a run has to be there.

    Raises:
        TrainingError: if there is none to resume.
    """
    from resight.errors import TrainingError
    from resight.train import RunFolder

    path = Path(recipe)
    folder = output or Path("runs") / (path.resolve().parent.name if path.name == "recipe.yaml" else path.stem)
    if resume and not RunFolder(folder).recipe.is_file():
        raise TrainingError(
            f"there is no run in {folder} to resume; check --output, or leave --resume out to start one there"
        )
    return folder


@contextmanager
def resumable(folder: Path, begun: str = "recipe.yaml") -> Iterator[None]:
    """Says how to go on when Ctrl-C or SIGTERM ends the block.

    Args:
        folder: where the command writes.
        begun: the file in it that says that there is something to go on with.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if (folder / begun).is_file():
            note(f"to go on later, repeat the command with --resume; the run is in {folder}")
        raise
