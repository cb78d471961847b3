"""How files of pre-training name their parts: the backbone, which is taken, and what is left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Layout:
    """The names in the files of one method.

    mark: start of names that tells it from others. backbone: start of the names of what is taken. others: start of
    other names, and what they hold.
    """

    mark: str
    backbone: str
    others: Mapping[str, str] = field(default_factory=dict)


_PROJECTOR = "projector of the pre-training"
_PREDICTOR = "predictor of the pre-training"
_MOMENTUM = "momentum encoder of the pre-training"
_QUEUE = "queue of the pre-training"

LAYOUTS: dict[str, Layout] = {
    "dino": Layout(
        "backbone.",
        "backbone.",
        {
            "head.": "projection head of the pre-training",
            "mask_token": "token of hidden patches",
            "projector.": _PROJECTOR,
            "predictor.": _PREDICTOR,
        },
    ),
    "moco_v2": Layout(
        "encoder_q.", "encoder_q.", {"encoder_q.fc.": _PROJECTOR, "encoder_k.": _MOMENTUM, "queue": _QUEUE}
    ),
    "moco_v3": Layout(
        "base_encoder.",
        "base_encoder.",
        {
            "base_encoder.head.": _PROJECTOR,
            "base_encoder.fc.": _PROJECTOR,
            "momentum_encoder.": _MOMENTUM,
            "predictor.": _PREDICTOR,
        },
    ),
    "moby": Layout(
        "encoder_k.",
        "encoder.",
        {"encoder_k.": _MOMENTUM, "projector": _PROJECTOR, "predictor": _PREDICTOR, "queue": _QUEUE},
    ),
}
"""In the order in which they are looked for: MoBY's mark is in files of MoCo v2 too."""


def layout_of(names: Iterable[str]) -> str | None:
    """The method whose names these are; None: no method's."""
    found = list(names)
    return next(
        (method for method, layout in LAYOUTS.items() if any(name.startswith(layout.mark) for name in found)), None
    )


def why_left_out(name: str, layout: Layout) -> str | None:
    """What a tensor holds that is left out; None: it is taken."""
    return next((reason for start, reason in layout.others.items() if name.startswith(start)), None)


def own_network(content: Mapping[str, Any], *, teacher: bool) -> Mapping[str, Any] | None:
    """The network that `resight pretrain` keeps, from its checkpoint; None: it is none.

    Args:
        content: of the file.
        teacher: of DINO the teacher, as the finished run exports it; else what trains.
    """
    task = content.get("task")
    if not isinstance(task, Mapping) or "method" not in task or "target" not in task:
        return None
    kept: Mapping[str, Any] = task["target"] if teacher and task["method"] == "dino" else content["model"]
    return kept


def own_facts(content: Mapping[str, Any]) -> dict[str, Any]:
    """What such a checkpoint says of its net beside the tensors."""
    heads = content["task"].get("heads")
    return {} if heads is None else {"heads": heads}
