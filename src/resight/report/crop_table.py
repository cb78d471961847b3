"""Crops as columns of plain values, and back."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resight.evaluation.rank_lists import Crop


def crops_to_json(crops: Sequence[Crop]) -> dict[str, Any]:
    """Columns: `root`, and `image` relative to it, `pid`, `camid` for each crop; `box` where one has a box."""
    root = os.path.commonpath([crop.path.parent for crop in crops]) if crops else ""
    columns: dict[str, Any] = {
        "root": root,
        "image": [os.path.relpath(crop.path, root) for crop in crops],
        "pid": [crop.pid for crop in crops],
        "camid": [crop.camid for crop in crops],
    }
    if any(crop.box for crop in crops):
        columns["box"] = [None if crop.box is None else list(crop.box) for crop in crops]
    return columns


def crops_from_json(columns: Mapping[str, Any]) -> list[Crop]:
    """What `crops_to_json` gave."""
    root = Path(columns["root"])
    boxes = columns.get("box") or [None] * len(columns["image"])
    rows = zip(columns["image"], columns["pid"], columns["camid"], boxes, strict=True)
    return [
        Crop(root / image, pid, camid, None if box is None else (box[0], box[1], box[2], box[3]))
        for image, pid, camid, box in rows
    ]
