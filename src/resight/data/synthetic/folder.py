"""Claim a folder for one written set: finish a killed run, keep a finished one, never touch the user's own files."""

import json
from collections.abc import Mapping
from pathlib import Path

from resight.errors import DataError

STAMP = "synthetic.json"  # written last: the set is complete
MARKER = "synthetic.partial"  # written first: the files are ours, and not all there
FORMAT_VERSION = 1  # raise it whenever the same arguments give other bytes


def claim_folder(folder: Path, arguments: Mapping[str, object]) -> bool:
    """Make a folder ready for a set, or find the set already in it.

    Args:
        folder: made if absent. Its own files are never deleted.
        arguments: all that decides the set's bytes, as JSON values.

    Returns:
        True if the set has to be written, False if it is there and complete.

    Raises:
        DataError: if the folder holds anything else: other files, or a set with other arguments.
    """
    wanted = _encode(arguments)
    stamp, marker = folder / STAMP, folder / MARKER
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: expected a folder for the synthetic set, found a file. Choose another path.")
    if stamp.is_file():
        if stamp.read_text(encoding="utf-8") != wanted:
            raise _other_set(folder, stamp, wanted, "another synthetic set")
        marker.unlink(missing_ok=True)
        return False
    others = sorted(path.name for path in folder.iterdir() if path.name != MARKER) if folder.exists() else []
    if others and not marker.is_file():
        raise DataError(
            f"{folder}: expected a new or empty folder for the synthetic set, found {others[0]!r} "
            f"({len(others)} entries). Choose another folder, or empty this one."
        )
    if others and marker.read_text(encoding="utf-8") != wanted:
        raise _other_set(folder, marker, wanted, "another, half-written synthetic set")
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(wanted, encoding="utf-8")
    return True


def finish_folder(folder: Path) -> None:
    """Mark a claimed folder's set as complete: call after the last file is written.

    Args:
        folder: as given to `claim_folder`.
    """
    # The marker becomes the stamp in one step, so that a kill leaves one or the other.
    (folder / MARKER).replace(folder / STAMP)


def _encode(arguments: Mapping[str, object]) -> str:
    return json.dumps({"format_version": FORMAT_VERSION, **arguments}, indent=1, sort_keys=True) + "\n"


def _other_set(folder: Path, file: Path, wanted: str, what: str) -> DataError:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        differs = sorted(key for key, value in json.loads(wanted).items() if found.get(key) != value)
    except (ValueError, AttributeError):
        differs = ["unreadable stamp"]
    return DataError(
        f"{folder}: holds {what} (it differs in {', '.join(differs)}; see {file.name}). "
        "Delete that folder, choose another one, or pass its arguments."
    )
