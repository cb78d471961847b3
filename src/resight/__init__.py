"""resight: object re-identification with TransReID and TransReID-SSL.

    model = resight.load("runs/market/model")            # Embedder: weights and the transform they need
    test = resight.Manifest.read("test.parquet")
    query, gallery = test.split("query"), test.split("gallery")
    print(resight.evaluate(model.embed(query), query, model.embed(gallery), gallery))

Names are imported when first used, so that `import resight`, and with it `resight --help`, does not load torch.
"""

from typing import TYPE_CHECKING, Any

from resight._version import __version__
from resight.errors import ResightError

if TYPE_CHECKING:
    from resight.data.manifest import Manifest
    from resight.evaluation import Report, evaluate
    from resight.inference import Embedder, load
    from resight.models import create_model, list_models

__all__ = [
    "Embedder",
    "Manifest",
    "Report",
    "ResightError",
    "__version__",
    "create_model",
    "evaluate",
    "list_models",
    "load",
]

_HOMES = {
    "Embedder": "resight.inference",
    "Manifest": "resight.data.manifest",
    "Report": "resight.evaluation",
    "create_model": "resight.models",
    "evaluate": "resight.evaluation",
    "list_models": "resight.models",
    "load": "resight.inference",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'resight' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
