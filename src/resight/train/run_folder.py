"""The folder of a run: what was asked, what came out, and what is needed to go on.

```
RUN/
  recipe.yaml         the resolved recipe, every value spelled out
  environment.json    versions, device, command; of the last start
  weights.json        what was taken from the weights that the recipe starts from, tensor by tensor
  metrics.jsonl       one line per epoch
  tensorboard/        the same for TensorBoard, where it is installed
  checkpoints/last.pt everything needed to resume
  model/              the result: weights and card, for resight.load
  report.json, report.html
```
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from resight.environment import environment
from resight.errors import TrainingError
from resight.files import whole_file


class RunFolder:
    """Paths of a run and what is written there; `create` makes the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.environment = path / "environment.json"
        self.weights = path / "weights.json"
        self.metrics = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"
        self.checkpoint = path / "checkpoints" / "last.pt"
        self.model = path / "model"
        self.report_json = path / "report.json"
        self.report_html = path / "report.html"
        self._writer: Any = None
        self._purge: int | None = None  # TensorBoard forgets what it has from this epoch on

    @classmethod
    def create(cls, path: Path, recipe: Mapping[str, Any], *, resume: bool = False) -> "RunFolder":
        """A new run's folder, or with `resume` an old one.

        Raises:
            TrainingError: if the folder has something in it already (and is not to be resumed), or is to be resumed
                but holds another recipe.
        """
        run = cls(path)
        content = json.loads(json.dumps(recipe, default=str))
        if resume and run.recipe.is_file():
            run._require_same(content)
        elif path.exists() and any(not _is_leftover(entry) for entry in path.iterdir()):
            advice = "" if resume else ", or continue that run with --resume"
            what = "is not empty and holds no run" if resume else "is not empty"
            raise TrainingError(f"{path} {what}; choose another folder{advice}")
        else:
            _write(run.recipe, yaml.safe_dump(content, sort_keys=False))
        _write(run.environment, json.dumps(environment(), indent=2) + "\n")
        return run

    def _require_same(self, recipe: Mapping[str, Any]) -> None:
        try:
            stored = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise TrainingError(f"{self.recipe} cannot be read, so the run cannot be continued: {error}") from error
        changed = sorted(_differences(stored, recipe))
        if changed:
            raise TrainingError(
                f"{self.path} holds a run with other settings ({', '.join(changed)}); continue it with its own "
                f"(resight train {self.recipe} -o {self.path} --resume), or choose another folder"
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

    def rows(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a line cut short by a kill is left out."""
        rows = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.is_file() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return rows

    def cut_rows(self, epochs: int) -> None:
        """Forgets the lines after that many epochs: they will be trained and written again."""
        rows = [row for row in self.rows() if row["epoch"] <= epochs]
        self._purge = epochs + 1
        _write(self.metrics, "".join(json.dumps(row) + "\n" for row in rows))

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


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _is_leftover(path: Path) -> bool:
    """Whether a kill left this half-written file in a folder that has no run yet."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _differences(old: Any, new: Any, prefix: str = "") -> set[str]:
    """Dotted keys in which two nested dicts differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: set[str] = set()
        for key in old.keys() | new.keys():
            found |= _differences(old.get(key), new.get(key), f"{prefix}{key}.")
        return found
    return set() if old == new else {prefix.rstrip(".")}
