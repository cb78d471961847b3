"""Finds the golden cases and sorts them by what they contain.

The folder is that of the environment variable RESIGHT_GOLDEN, else `../shared/golden` beside the repository. Every
`*.json` below it is a case. Its kind is read from its content, that is from the keys of the JSON file and the names
and shapes of the tensors beside it, never from the name of a folder or file: a case added later is found and run
without a change here.

    @parametrize("eval")
    def test_metrics(case: GoldenCase) -> None:
        inputs, outputs = case.load("inputs"), case.load("outputs")

Where there is no case of a kind, the test is there all the same and is skipped with the reason.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

REPOSITORY = Path(__file__).resolve().parents[2]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class GoldenCase:
    """One recorded case: its settings and the tensors that lie beside its JSON file."""

    name: str  # path below the golden folder, without ".json"
    path: Path  # the JSON file
    settings: Any  # what the JSON file holds: a dict, except in a damaged file
    kind: str
    shapes: Mapping[str, Shapes] = field(repr=False)  # by file stem ("inputs", "outputs", "weights", ...), then tensor

    def load(self, stem: str) -> dict[str, torch.Tensor]:
        """The tensors of `<stem>.safetensors`: "inputs", "outputs", "weights", "weights_final", ..."""
        return load_file(self.path.parent / f"{stem}.safetensors")

    def has(self, stem: str) -> bool:
        return stem in self.shapes

    def tolerance(self, part: str | None = None, otherwise: dict[str, float] | None = None) -> dict[str, float]:
        """{"atol": .., "rtol": ..} for `torch.testing.assert_close`, as the case states it; 0 for one it leaves out.

        Args:
            part: which one, where the case gives several ("metrics", "distance", "weights_final"); ignored where it
                gives one for all.
            otherwise: for the kinds whose files state none. Without it a missing tolerance is an error.
        """
        stated = self.settings.get("tolerance", otherwise)
        if isinstance(stated, dict) and isinstance(stated.get(part), dict):
            stated = stated[part]
        if not isinstance(stated, dict) or not {"atol", "rtol"} & set(stated):
            raise KeyError(f"{self.path}: no tolerance for {part!r}; the file states {self.settings.get('tolerance')}")
        return {"atol": float(stated.get("atol", 0.0)), "rtol": float(stated.get("rtol", 0.0))}


def folder() -> Path:
    """Where the cases are looked for; it need not exist."""
    return Path(os.environ.get("RESIGHT_GOLDEN") or REPOSITORY.parent / "shared" / "golden")


def cases(kind: str) -> list[GoldenCase]:
    """All cases of one kind, in order of their names. `KINDS` lists the kinds; what is none of them is "unknown"."""
    if kind not in KINDS and kind != "unknown":
        raise ValueError(f"no kind of golden case is called {kind!r}; there are {[*KINDS, 'unknown']}")
    return [case for case in all_cases(folder()) if case.kind == kind]


def parametrize(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: run the test with `case` = each case of that kind, marked `golden`; skipped where there is none."""
    found = cases(kind)
    where = "which does not exist" if not folder().is_dir() else "which holds none of this kind"
    nothing = pytest.param(None, id="none", marks=pytest.mark.skip(f"no golden case {kind!r} in {folder()}, {where}"))
    parameters = [pytest.param(case, id=case.name) for case in found] or [nothing]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        return pytest.mark.golden(pytest.mark.parametrize("case", parameters)(test))

    return decorate


@functools.cache
def all_cases(root: Path) -> tuple[GoldenCase, ...]:
    """Every case below a folder, with its kind. Empty where the folder is missing."""
    return tuple(_read(path, root) for path in sorted(root.rglob("*.json")))


def classify(settings: Any, shapes: Mapping[str, Shapes]) -> str:
    """The kind of a case from its content; the first of `KINDS` that recognises it, else "unknown"."""
    if not isinstance(settings, dict):
        return "unknown"
    inputs, outputs = shapes.get("inputs", {}), shapes.get("outputs", {})
    for kind, recognises in KINDS.items():
        if recognises(settings, inputs, outputs):
            return kind
    return "unknown"


def _read(path: Path, root: Path) -> GoldenCase:
    settings = json.loads(path.read_text(encoding="utf-8"))
    shapes = {file.stem: _shapes(file) for file in sorted(path.parent.glob("*.safetensors"))}
    name = path.relative_to(root).with_suffix("").as_posix().removesuffix("/case")
    return GoldenCase(name=name, path=path, settings=settings, kind=classify(settings, shapes), shapes=shapes)


def _shapes(file: Path) -> Shapes:
    with safe_open(file, framework="pt") as tensors:
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118


def _side_information(settings: dict[str, Any], inputs: Shapes) -> bool:
    counted = bool(settings.get("num_cameras")) or bool(settings.get("num_views"))
    return counted or bool({"cam_label", "view_label"} & set(inputs))


def _is_features(settings: dict[str, Any], outputs: Shapes) -> bool:
    plain_stem = not settings.get("stem") and not settings.get("ics_stem")
    return "tokens_embedded" in outputs and plain_stem


def _is_lr(settings: dict[str, Any]) -> bool:
    entries = [entry for entry in settings.values() if isinstance(entry, dict)]
    return any(key.startswith("lr_used_in_epoch") for entry in entries for key in entry)


def _is_losses(inputs: Shapes, outputs: Shapes) -> bool:
    has_value = any(name.endswith("/loss") for name in outputs)
    return has_value and "labels" in inputs and any(name.startswith(("feat_", "logits_")) for name in inputs)


def _is_pos_embed(settings: dict[str, Any], inputs: Shapes, outputs: Shapes) -> bool:
    tables = [name for name in inputs if name in outputs and len(inputs[name]) == 3 and inputs[name][0] == 1]
    return "cases" in settings and bool(tables) and all(inputs[n][2] == outputs[n][2] for n in tables)


def _starts(names: Shapes, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


# In order: the first that recognises a case wins. Arguments: settings, shapes of the inputs, shapes of the outputs.
KINDS: dict[str, Callable[[dict[str, Any], Shapes, Shapes], bool]] = {
    "train_steps": lambda s, i, o: {"images", "labels"} <= set(i) and _starts(o, "grad_step1/"),
    "jpm": lambda s, i, o: "patch_index_at_each_rearranged_slot" in s and "image" in i,
    "baseline": lambda s, i, o: "image" in i and "train_score" in o,
    "sie": lambda s, i, o: "image" in i and _is_features(s, o) and _side_information(s, i),
    "vit_features": lambda s, i, o: "image" in i and _is_features(s, o) and not _side_information(s, i),
    "ics": lambda s, i, o: "image" in i and {"patch_tokens", "stem_output"} <= set(o),
    "gem_pooling": lambda s, i, o: "image" in i and {"feature_with_gem", "feature_cls_only"} <= set(o),
    "full_size": lambda s, i, o: "weight_rule" in s and {"feature_before", "feature_after"} <= set(o),
    "losses": lambda s, i, o: _is_losses(i, o),
    "margin_heads": lambda s, i, o: {"class_weight", "feat", "labels"} <= set(i),
    "lr_schedule": lambda s, i, o: _is_lr(s),
    "pos_embed": _is_pos_embed,
    "eval_vehicleid": lambda s, i, o: {"features", "gallery_image_index", "pids"} <= set(i),
    "eval_ties": lambda s, i, o: {"distance_matrix", "query_pids", "gallery_pids"} <= set(i),
    "eval": lambda s, i, o: {"query_features", "gallery_features"} <= set(i) and {"mAP", "cmc"} <= set(o),
    "rerank": lambda s, i, o: _starts(o, "float32/k1_") and "query_features" in i,
    "jaccard": lambda s, i, o: "features" in i and _starts(o, "k1_"),
    "preprocess": lambda s, i, o: _starts(i, "image_") and any("resized_uint8" in name for name in o),
    "sampler": lambda s, i, o: {"labels", "results"} <= set(s),
    "cfs": lambda s, i, o: "image" in i and {"score", "order_descending", "kept_index"} <= set(o),
    "dino_loss": lambda s, i, o: {"student_outputs", "teacher_outputs"} <= set(i),
    "dino_head": lambda s, i, o: _starts(o, "grad_of_sum_squared_output/last_layer."),
    "dino_positions": lambda s, i, o: "pos_embed" in i and "crop_sizes_hw" in s,
    "dino_schedules": lambda s, i, o: {"lr", "teacher_momentum"} <= set(s.get("cases", {})),
    "dino_training": lambda s, i, o: {"global_crops", "local_crops"} <= set(i),
    "mocov2_loss": lambda s, i, o: {"q", "k", "queue"} <= set(i),
    "mocov2_training": lambda s, i, o: "views" in i and "queue_pointer_after_each_step" in s,
    "mocov3_loss": lambda s, i, o: {"q1", "q2", "k1", "k2"} <= set(i),
    "mocov3_positions": lambda s, i, o: "embed_dim" in s and set(s.get("cases", {})) == set(o) != set(),
    "mocov3_schedules": lambda s, i, o: {"moco_m", "epoch_positions"} <= set(s),
    "mocov3_training": lambda s, i, o: "views" in i and "lars" in s,
    "moby_training": lambda s, i, o: "views" in i and "num_negative" in s,
}
