"""What a choice leaves in a folder, and what it must not write over."""

from pathlib import Path

from resight.data.shards.layout import DESCRIPTION, is_shard_set
from resight.errors import DataError
from resight.filtering.kept_file import is_kept_from, write_kept_rows
from resight.filtering.layout import KEPT, SCORES, SETTINGS
from resight.filtering.score_file import ScoreFile
from resight.folder_lock import LOCK
from resight.recipes.filter_keep import Kept


def claim_choice(folder: Path, scores: ScoreFile | None) -> None:
    """Looks whether a choice may be written to a folder: beside the scores that it is from, or over a choice from them.

    Args:
        folder: where to write.
        scores: that the choice is from; None: they are to be written there.

    Raises:
        DataError: if it is a file, other scores are there or are being made there, or a choice from others.
    """
    _require_folder(folder, "--output")
    there = folder / SCORES
    if scores is not None and there.is_file() and there.samefile(scores.path):
        return
    if there.is_file():
        raise DataError(
            f"{folder} holds other scores, to which its {KEPT} belongs; choose another folder with --output, or choose "
            f"from the scores there with --scores {folder}"
        )
    if (folder / SETTINGS).is_file():
        raise DataError(f"{folder} belongs to a filter that is not finished; choose another folder with --output")
    kept = folder / KEPT
    if kept.exists() and not (scores is not None and is_kept_from(kept, scores)):
        raise DataError(f"{kept} is not a choice from these scores; choose another folder with --output, or delete it")


def require_free(listed: Path | None, shards: Path | None, output: Path, *, again: bool) -> None:
    """Looks before hours of scoring whether a list and shards can be written where they are wanted.

    Args:
        listed: file of the list, if one is wanted.
        shards: folder of the shards, if they are wanted: new, empty, or with shards that are not complete; not where
            the choice itself is written.
        output: folder of the choice.
        again: the command may have been given before: the list may be there, and complete shards, of which packing
            finds out whether they are the same.

    Raises:
        DataError: if not.
    """
    if listed is not None:
        _require_folder(listed.parent, "--cfs-list")
        if listed.exists() and not (again and listed.is_file()):
            raise DataError(f"{listed} is there already; choose another name with --cfs-list, or delete it")
    if shards is None:
        return
    _require_folder(shards, "--shards")
    if shards.resolve() in (output.resolve(), *output.resolve().parents):
        raise DataError(f"{shards} is where the choice itself is written; choose another folder with --shards")
    is_begun = is_shard_set(shards) and (again or not (shards / DESCRIPTION).is_file())
    if shards.exists() and not is_begun and not {entry.name for entry in shards.iterdir()} <= {LOCK}:
        raise DataError(f"{shards} is not empty; choose another folder with --shards, or delete it")


def _require_folder(folder: Path, option: str) -> None:
    if any(place.exists() and not place.is_dir() for place in (folder, *folder.parents)):
        raise DataError(f"{folder} is or lies under a file, not a folder; choose another folder with {option}")


def write_kept(scores: ScoreFile, kept: Kept, folder: Path) -> Path:
    """Writes the manifest of the kept images; its path.

    Raises:
        DataError: if none is kept.
    """
    if not kept.count:
        raise DataError("not one image is kept: none passes the gates; loosen them")
    write_kept_rows(scores, kept.rows, folder / KEPT)
    return folder / KEPT
