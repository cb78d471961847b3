"""Runs of the tiny recipe: settings, how to stop one, and what it left."""

import json
from pathlib import Path
from typing import Any

from resight.data.manifest import Manifest
from resight.recipes.evaluation_set import Listener

EVERYTHING: dict[str, Any] = {
    "model": {"side_information": "camera", "jigsaw": True, "jigsaw_parts": 2, "jigsaw_shift": 1, "drop_path": 0.3,
              "image_size": [32, 32]},
    "train": {"epochs": 3, "save_steps": 1, "average_decay": 0.9, "evaluate_every": 1},
    "sampler": {"ids_per_batch": 2, "images_per_id": 2},
}  # fmt: skip


class Stopped(Exception):  # noqa: N818
    pass


def stop_at(epoch: int, step: int) -> Listener:
    """A listener that raises `Stopped` after that step."""

    def on_step(now: int, done: int, steps: int, loss: float) -> None:
        if (now, done) == (epoch, step):
            raise Stopped

    return Listener(on_step=on_step)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, without the speed, which is another each time."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        assert row.pop("images_per_second") > 0
    return rows


def weights_of(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def write_changed(manifest: Manifest, path: Path, **columns: object) -> Path:
    for name, values in columns.items():
        manifest = manifest.with_column(name, values)
    manifest.write(path)
    return path
