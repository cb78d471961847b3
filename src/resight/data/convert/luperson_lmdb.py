"""LUPerson, and any other pool, as an LMDB of encoded images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resight.data.image_files import lmdb_keys
from resight.data.manifest import Manifest
from resight.data.plain_pickle import read_plain_pickle
from resight.errors import DataError

SUFFIXES = (".mdb", ".lmdb")


def luperson_lmdb(source: str | Path, *, keys: Path | None = None) -> Manifest:
    """Manifest of the images in an LMDB, such as `data.mdb#00_03_0012_00000007`; reading these needs the extra `lmdb`.

    The keys are those of a pickled list, or of a pickled dictionary with `keys` and optionally `pids`, one for each
    key, which become `pid`; rows have its order. Where there is no such file the LMDB itself is asked.

    Args:
        source: folder with `data.mdb`, or the LMDB's file (.mdb, .lmdb).
        keys: the pickle; None: `keys.pkl` in the LMDB's folder.

    Raises:
        DataError: if there is no LMDB, or the keys are no list of names.
    """
    data_file = _data_file(Path(source).expanduser())
    path = data_file.parent / "keys.pkl" if keys is None else keys.expanduser()
    if path.is_file() or keys is not None:
        names, pids = _names(path, read_plain_pickle(path))
    else:
        try:
            names, pids = lmdb_keys(data_file), None
        except OSError as error:
            raise DataError(str(error)) from error
    columns: dict[str, Sequence[Any]] = {"image": [f"{data_file.name}#{name}" for name in names]}
    if pids is not None:
        columns["pid"] = pids
    manifest = Manifest.from_columns(columns, data_file.parent)
    manifest.require_valid()
    return manifest


def _data_file(source: Path) -> Path:
    path = source / "data.mdb" if source.is_dir() else source
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{source}: expected an LMDB, a folder with data.mdb or a file that ends in {' or '.join(SUFFIXES)}"
        )
    return path


def _names(path: Path, content: Any) -> tuple[list[str], list[str] | None]:
    """Keys, and identities if there are any."""
    keys, pids = (content.get("keys"), content.get("pids")) if isinstance(content, dict) else (content, None)
    names = _texts(keys)
    if not names:
        raise DataError(f"{path}: expected a pickled list of keys, or a dictionary with 'keys', came {_kind(content)}")
    if pids is None:
        return names, None
    labels = _texts(pids)
    if labels is None or len(labels) != len(names):
        raise DataError(f"{path}: expected 'pids' to be a list with an identity for each of {len(names):,} keys")
    return names, labels


def _texts(values: Any) -> list[str] | None:
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, (str, bytes, int)) for value in values):
        return None
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]


def _kind(content: Any) -> str:
    return f"a dictionary with {', '.join(map(repr, content))}" if isinstance(content, dict) else type(content).__name__
