"""The folder of a run: what was asked, what came out, and what is needed to go on.

```
RUN/
  recipe.yaml         the resolved recipe, every value spelled out
  data.json           which training rows it has
  environment.json    versions, device, command; of the last start
  precision.json      what was measured to choose the precision, where train.precision is auto
  weights.json        what was taken from the weights that the recipe starts from, tensor by tensor
  metrics.jsonl       one line per epoch
  tensorboard/        the same for TensorBoard, where it is installed
  checkpoints/last.pt everything needed to resume
  model/              the result: weights and card, for resight.load
  steps.jsonl         of a pre-training: numbers inside an epoch
  crops.png           of a pre-training: what the net saw first, an image in each row, its views beside it
  backbone.safetensors of a pre-training: the result, with timm's own names
  report.json         the metrics
  figures.json        what the pictures of the page are drawn from; report.html: the page
```
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from resight.environment import environment
from resight.errors import TrainingError
from resight.files import whole_file
from resight.folder_lock import LOCK


class RunFolder:
    """Paths of a run and what is written there; `create` makes the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.data = path / "data.json"
        self.environment = path / "environment.json"
        self.precision = path / "precision.json"
        self.weights = path / "weights.json"
        self.metrics = path / "metrics.jsonl"
        self.steps = path / "steps.jsonl"
        self.crops = path / "crops.png"
        self.backbone = path / "backbone.safetensors"
        self.tensorboard = path / "tensorboard"
        self.checkpoint = path / "checkpoints" / "last.pt"
        self.model = path / "model"
        self.report_json = path / "report.json"
        self.figures_json = path / "figures.json"
        self.report_html = path / "report.html"
        self._writer: Any = None
        self._purge: int | None = None  # TensorBoard forgets what it has from this epoch on

    @classmethod
    def create(
        cls,
        path: Path,
        recipe: Mapping[str, Any],
        *,
        defaults: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        free: Collection[str] = (),
        resume: bool = False,
        command: str = "train",
    ) -> "RunFolder":
        """A new run's folder, or with `resume` an old one, which gets the new recipe.

        A folder whose run has neither a row nor a checkpoint counts as new, whatever its recipe was.

        Args:
            path: of the folder.
            recipe: of the run.
            defaults: what a stored recipe means by not having a key, as one of an older version; None: nothing.
            data: facts about the training rows, which a resumed run has to share; None: not compared.
            free: dotted keys, or sections, of the recipe in which a resumed run may differ.
            resume: whether to go on with what is there.
            command: of resight that runs it, for messages.

        Raises:
            TrainingError: if the folder has something in it already (and is not to be resumed), or is to be resumed
                but holds another recipe or had other training rows.
        """
        run = cls(path)
        content = json.loads(json.dumps(recipe, default=str))
        if run._has_not_begun():
            for old in (run.precision, run.weights, run.steps, run.metrics):  # of the start before, perhaps half a row
                old.unlink(missing_ok=True)
        elif resume and run.recipe.is_file():
            run._require_same(content, json.loads(json.dumps(defaults or {}, default=str)), free, command)
            run._require_same_data(data)
        else:
            advice = "" if resume else ", or continue that run with --resume"
            what = "is not empty and holds no run" if resume else "is not empty"
            raise TrainingError(f"{path} {what}; choose another folder{advice}")
        _write(run.recipe, yaml.safe_dump(content, sort_keys=False))
        if data is not None:
            _write(run.data, json.dumps(data, indent=2) + "\n")
        _write(run.environment, json.dumps(environment(), indent=2) + "\n")
        return run

    def _has_not_begun(self) -> bool:
        """Whether nothing is there but what a run writes before its first row and checkpoint."""
        before = {file.name for file in (self.recipe, self.data, self.environment, self.precision, self.weights)}
        before |= {
            self.metrics.name,
            self.steps.name,
            self.crops.name,
            LOCK,
            self.tensorboard.name,
            self.checkpoint.parent.name,
        }
        entries = list(self.path.iterdir()) if self.path.exists() else []
        return (
            not self.rows()
            and not self.checkpoint.exists()
            and all(entry.name in before or _is_leftover(entry) for entry in entries)
        )

    def _require_same(
        self, recipe: Mapping[str, Any], defaults: Mapping[str, Any], free: Collection[str], command: str
    ) -> None:
        try:
            stored = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise TrainingError(f"{self.recipe} cannot be read, so the run cannot be continued: {error}") from error
        changed = sorted(
            key
            for key in _differences(_filled(stored, defaults), recipe)
            if not any(f"{key}.".startswith(f"{part}.") for part in free)
        )
        if changed:
            raise TrainingError(
                f"{self.path} holds a run with other settings ({', '.join(changed)}); continue it with its own "
                f"(resight {command} {self.recipe} -o {self.path} --resume), or choose another folder"
            )

    def _require_same_data(self, data: Mapping[str, Any] | None) -> None:
        if data is None or not self.data.is_file():
            return
        stored = json.loads(self.data.read_text(encoding="utf-8"))
        changed = sorted(_differences(stored, json.loads(json.dumps(data))))
        if changed:
            raise TrainingError(
                f"{self.path} was begun with other training rows ({', '.join(changed)} differ); give it the data that "
                f"it had, see {self.data}, or choose another folder"
            )

    def log(self, row: Mapping[str, Any]) -> None:
        """Adds one epoch's numbers to metrics.jsonl and TensorBoard."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        writer = self._tensorboard_writer()
        if writer is not None:
            for name, value in row.items():
                if name != "epoch" and isinstance(value, (int, float)):
                    writer.add_scalar(name, value, row["epoch"])
            writer.flush()

    def log_step(self, row: Mapping[str, Any]) -> None:
        """Adds a look inside an epoch to steps.jsonl; the row has `epoch` and `step`, both from 1."""
        with self.steps.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a line cut short by a kill is left out."""
        return _lines(self.metrics)

    def step_rows(self) -> list[dict[str, Any]]:
        """Those of steps.jsonl."""
        return _lines(self.steps)

    def cut_rows(self, epochs: int, step: int = 0) -> None:
        """Forgets the lines after that many epochs and steps: they will be trained and written again."""
        rows = [row for row in self.rows() if row["epoch"] <= epochs]
        self._purge = epochs + 1
        _write(self.metrics, "".join(json.dumps(row) + "\n" for row in rows))
        if self.steps.is_file():
            looks = [row for row in self.step_rows() if (row["epoch"], row["step"]) <= (epochs + 1, step)]
            _write(self.steps, "".join(json.dumps(row) + "\n" for row in looks))

    def write_precision(self, measured: Mapping[str, Any]) -> None:
        """precision.json: what was measured and chosen; resuming reads the checkpoint instead."""
        _write(self.precision, json.dumps(measured, indent=2) + "\n")

    def write_weights(self, report: Mapping[str, Any]) -> None:
        """weights.json: what the model started from."""
        _write(self.weights, json.dumps(report, indent=2) + "\n")

    def write_report(self, report: Mapping[str, Any]) -> None:
        """report.json: the numbers of the finished run."""
        _write(self.report_json, json.dumps(report, indent=2) + "\n")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _tensorboard_writer(self) -> Any:
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return None
            self._writer = SummaryWriter(str(self.tensorboard), purge_step=self._purge)
        return self._writer


def _lines(path: Path) -> list[dict[str, Any]]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _is_leftover(path: Path) -> bool:
    """Whether a kill left this half-written file in a folder that has no run yet."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _filled(stored: Any, defaults: Any) -> Any:
    """Nested dicts with the keys that they lack."""
    if not (isinstance(stored, dict) and isinstance(defaults, dict)):
        return stored
    return stored | {key: _filled(stored[key], value) if key in stored else value for key, value in defaults.items()}


def _differences(old: Any, new: Any, prefix: str = "") -> set[str]:
    """Dotted keys in which two nested dicts differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: set[str] = set()
        for key in old.keys() | new.keys():
            found |= _differences(old.get(key), new.get(key), f"{prefix}{key}.")
        return found
    return set() if old == new else {prefix.rstrip(".")}
