"""A stored model and its use: load, embed, save."""

from resight.inference.card import ModelCard, read_card, read_model, write_model
from resight.inference.embedder import Embedder, load
from resight.inference.shards import embed_in_shards, join_processes

__all__ = [
    "Embedder",
    "ModelCard",
    "embed_in_shards",
    "join_processes",
    "load",
    "read_card",
    "read_model",
    "write_model",
]
