"""Networks: small modules of any width, and the registry that builds whole models from them."""

from resight.models.registry import create_model, default_normalization, list_models
from resight.models.reid import ReIDModel, ReIDOutput

__all__ = ["ReIDModel", "ReIDOutput", "create_model", "default_normalization", "list_models"]
