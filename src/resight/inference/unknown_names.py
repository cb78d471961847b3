"""Cameras and views of a manifest that a model has no side information for."""

from resight.data.manifest import Manifest
from resight.inference.card import ModelCard


def unknown_names(manifest: Manifest, card: ModelCard) -> list[str]:
    """A sentence for cameras and one for views, where rows name some that the model does not know.

    Nothing is said of rows that name none, and of a model without a table for cameras or views, which does not care.
    """
    tables = (("camera", "camid", card.cameras), ("view", "viewid", card.views))
    return [line for what, column, known in tables if known for line in _unknown(manifest, what, column, known)]


def _unknown(manifest: Manifest, what: str, column: str, known: tuple[str, ...]) -> list[str]:
    names = [name for name in manifest.distinct(column) if name not in known]
    count = int((manifest.codes(column, names) >= 0).sum()) if names else 0
    if not count:
        return []
    verb, take = ("has", "it takes") if count == 1 else ("have", "they take")
    return [
        f"{count:,} of {len(manifest):,} rows {verb} a {what} that the model does not know ({_few(names)}; it knows "
        f"{_few(known)}): {take} the mean side information"
    ]


def _few(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")
