"""A stored model and its use: load, embed, save."""

from resight.inference.card import EvaluationProtocol, ModelCard, read_card, read_model, write_model
from resight.inference.embedder import Embedder, load
from resight.inference.shards import embed_in_shards, join_processes
from resight.inference.unknown_names import unknown_names

__all__ = [
    "Embedder",
    "EvaluationProtocol",
    "ModelCard",
    "embed_in_shards",
    "join_processes",
    "load",
    "read_card",
    "read_model",
    "unknown_names",
    "write_model",
]
