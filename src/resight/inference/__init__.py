"""A stored model and its use: load, embed, save."""

from resight.inference.card import ModelCard, read_card, read_model, write_model
from resight.inference.embedder import Embedder, load

__all__ = ["Embedder", "ModelCard", "load", "read_card", "read_model", "write_model"]
