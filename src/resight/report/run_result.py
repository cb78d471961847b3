"""What a page shows of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resight.evaluation.result import Report
from resight.report.figure_data import FigureData


@dataclass(frozen=True, eq=False)
class RunResult:
    """One trained and evaluated model."""

    name: str
    report: Report
    curves: Sequence[Mapping[str, float | None]] = ()  # one entry per epoch: "epoch" and any numbers, some left out
    num_parameters: int = 0  # 0: unknown
    images_per_second: float = 0.0  # 0: unknown
    settings: Mapping[str, Any] = field(default_factory=dict)  # may be nested
    figures: FigureData | None = None

    def to_json(self) -> dict[str, Any]:
        """Every number of the page, as plain values for `json.dumps`."""
        return {
            "name": self.name,
            "report": self.report.to_json(),
            "curves": [dict(row) for row in self.curves],
            "num_parameters": self.num_parameters,
            "images_per_second": self.images_per_second,
            "settings": dict(self.settings),
            "figures": None if self.figures is None else self.figures.to_json(),
        }

    def flat_settings(self) -> dict[str, str]:
        """The settings as text, by dotted name."""
        return dict(_flattened(self.settings))


def differing_settings(runs: Sequence[RunResult]) -> list[str]:
    """Dotted names of the settings in which the runs differ, in their order."""
    flat = [run.flat_settings() for run in runs]
    names = dict.fromkeys(name for entries in flat for name in entries)
    return [name for name in names if len({entries.get(name) for entries in flat}) > 1]


def _flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    entries = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            entries.extend(_flattened(value, f"{prefix}{name}."))
        else:
            entries.append((f"{prefix}{name}", "none" if value is None else str(value)))
    return entries
