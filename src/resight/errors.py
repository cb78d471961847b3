"""The errors that resight raises on purpose.

ResightError
├── DataError (ValueError)            a manifest, an image or a folder is not what it has to be
├── RecipeError (ValueError)          a recipe has an unknown key or an impossible value
├── ModelFormatError (ValueError)     a model folder or a weight file cannot be used
├── TrainingError (RuntimeError)      training cannot go on: a non-finite loss, a foreign run folder
├── MemoryLimitError (MemoryError)    a batch does not fit into memory
└── MissingExtraError (ImportError)   a feature needs an optional dependency that is not installed

Each also is the built-in kind, so `except ValueError` works as well. A command of the command line turns any of them
into one message without traceback.
"""


class ResightError(Exception):
    """Base of every error that resight raises on purpose."""


class DataError(ResightError, ValueError):
    """A manifest, an image or a data folder is not what it has to be."""


class RecipeError(ResightError, ValueError):
    """A recipe has an unknown key or an impossible value."""


class ModelFormatError(ResightError, ValueError):
    """A model folder or a weight file cannot be used."""


class TrainingError(ResightError, RuntimeError):
    """Training cannot start or cannot go on."""


class MemoryLimitError(ResightError, MemoryError):
    """A batch does not fit into the memory of the device or the machine."""


class MissingExtraError(ResightError, ImportError):
    """A feature needs an optional dependency that is not installed."""
