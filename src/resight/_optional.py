"""Import of optional dependencies, with an error that says which extra brings them."""

import importlib
from types import ModuleType

from resight.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """The module of that name, imported now.

    Args:
        module: dotted name, such as `matplotlib.pyplot`.
        extra: the extra of resight that installs it.

    Raises:
        MissingExtraError: if it is not installed; the message holds the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"this needs the package {package!r}, which is not installed; install it with: "
            f"pip install 'resight[{extra}]'"
        ) from error
