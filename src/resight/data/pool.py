"""Pools of images for pre-training, from whatever holds them."""

from pathlib import Path

from resight.data.convert.image_folder import image_folder
from resight.data.convert.luperson_lmdb import luperson_lmdb
from resight.data.convert.webdataset import webdataset
from resight.data.manifest import Manifest
from resight.data.pool_manifest import ManifestPool
from resight.data.pool_source import Pool
from resight.data.shards.layout import is_shard_set
from resight.data.shards.pool import ShardPool
from resight.data.table_files import SUFFIXES
from resight.errors import DataError

__all__ = ["ManifestPool", "Pool", "ShardPool", "open_pool"]


def open_pool(source: str | Path | Manifest) -> Pool:
    """The pool that lies there.

    Args:
        source: folder that `resight data shard` wrote, LMDB (its folder or file), folder of WebDataset tars, folder of
            images, manifest (.parquet, .csv; all of its rows), or a manifest in memory.

    Raises:
        DataError: if it is none of these, is empty, or is a set of shards that is not complete.
    """
    if isinstance(source, Manifest):
        return _filled(ManifestPool(source), "the manifest")
    path = Path(source).expanduser()
    if not path.exists():
        raise DataError(f"{path}: expected a pool of images, but there is nothing; check the path")
    if path.is_dir() and is_shard_set(path):
        return ShardPool(path)
    return _filled(ManifestPool(_manifest(path)), str(path))


def _filled(pool: Pool, name: str) -> Pool:
    if not len(pool):
        raise DataError(f"a pool needs at least one image, but {name} has no rows")
    return pool


def _manifest(path: Path) -> Manifest:
    if path.is_dir():
        if (path / "data.mdb").is_file():
            return luperson_lmdb(path)
        return webdataset(path) if any(path.glob("*.tar")) else image_folder(path)
    kind = path.suffix.lower()
    if kind in (".mdb", ".lmdb"):
        return luperson_lmdb(path)
    if kind in SUFFIXES:
        return Manifest.read(path)
    raise DataError(
        f"{path}: expected a folder of shards, tars or images, an LMDB (.mdb, .lmdb), or a manifest "
        f"({', '.join(SUFFIXES)})"
    )
