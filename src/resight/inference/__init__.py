"""A stored model and its use: load, embed, save."""

from resight.inference.attention import Attention, attention_maps
from resight.inference.card import EvaluationProtocol, ModelCard, read_card, read_model, write_card, write_model
from resight.inference.embedder import Embedder, load, model_folder
from resight.inference.shards import embed_in_shards, join_processes
from resight.inference.unknown_names import unknown_names

__all__ = [
    "Attention",
    "Embedder",
    "EvaluationProtocol",
    "ModelCard",
    "attention_maps",
    "embed_in_shards",
    "join_processes",
    "load",
    "model_folder",
    "read_card",
    "read_model",
    "unknown_names",
    "write_card",
    "write_model",
]
