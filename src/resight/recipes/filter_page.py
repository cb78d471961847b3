"""The page about a choice: which images are kept, and what the target's look like."""

from pathlib import Path

import pyarrow as pa

from resight.data.manifest import Manifest
from resight.filtering.layout import PAGE, TARGET
from resight.filtering.score_file import ScoreFile
from resight.recipes.filter_keep import Choice, Kept


def write_page(scores: ScoreFile, choice: Choice, kept: Kept, folder: Path) -> Path:
    """Writes `filter.html`, which shows the score that was selected by. Its path.

    Raises:
        MissingExtraError: without the extra `report`.
    """
    from resight.report.filter_page import write_filter_page

    images = scores.path.parent / TARGET
    target = (
        Manifest.read(images)
        if images.is_file()
        else Manifest.from_columns({"image": pa.array([], pa.string())}, folder)
    )
    cut = f"{kept.count:,} of {len(scores):,} images are kept, the highest by {choice.name}"
    gates = [f"{count:,} refused ({name})" for name, count in kept.refused.items() if count]
    return write_filter_page(
        folder / PAGE,
        scores.path,
        by=choice.name,
        values=kept.values,
        kept=kept.rows,
        target=target,
        choices=kept.choices.names,
        shared=kept.choices.shared,
        description=f"{'; '.join([cut, *gates])}.",
    )
