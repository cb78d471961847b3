"""The settings of each run, those marked in which the runs differ."""

from collections.abc import Sequence

from resight.report.run_result import RunResult, differing_settings
from resight.report.sections.section import Context, color_of
from resight.report.thumbnails import Thumbnails


def settings(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """A block for each run; None where no run has settings."""
    del pictures
    flat = [run.flat_settings() for run in runs]
    differ = set(differing_settings(runs))
    blocks = [
        {
            "name": run.name,
            "color": color_of(i),
            "entries": [(name, value, name in differ) for name, value in flat[i].items()],
        }
        for i, run in enumerate(runs)
    ]
    return {"blocks": blocks, "num_differ": len(differ)} if any(flat) else None
