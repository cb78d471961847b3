"""Tables of crops: the manifest, converters from folders, splits, statistics and checks. Never imports torch here."""

from resight.data.manifest import Manifest

__all__ = ["Manifest"]
