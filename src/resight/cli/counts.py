"""The sizes of a data set as tables: its splits beside what is published of them, and its row in the papers' table."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resight.cli.console import out, print_table
from resight.data.finding import Finding, Severity
from resight.data.manifest import Manifest
from resight.data.published import Comparison, Published, Totals, choose, compare, differences, totals
from resight.data.statistics import SplitStatistics, Statistics, statistics


@dataclass(frozen=True)
class Counted:
    """A data set that was counted. published: what it is compared with; comparisons: number by number."""

    title: str
    counts: Statistics
    row: Totals
    published: Published | None
    comparisons: list[Comparison]

    @classmethod
    def of(cls, manifest: Manifest, source: Path, *, name: str | None, format: str | None) -> "Counted":
        """Count a manifest.

        Args:
            manifest: the data.
            source: where it came from; its name stands for a set that is not published.
            name: published set to compare with; "none" for none; None: what fits the format.
            format: converter that made the manifest, if one did.

        Raises:
            DataError: if there is no published set of that name.
        """
        counts = statistics(manifest)
        published = choose(name, format, counts)
        comparisons = compare(counts, published) if published else []
        title = published.title if published else source.stem
        return cls(title, counts, totals(manifest, published), published, comparisons)

    def findings(self, severity: Severity) -> list[Finding]:
        """One finding if something differs from what is published."""
        return differences(self.comparisons, self.title, severity)

    def print(self) -> None:
        """Both tables, to stdout. A number that is published otherwise has the published one behind a `!=`."""
        published = {
            (one.split, one.what): " or ".join(f"{number:,}" for number in one.published)
            for one in self.comparisons
            if one.differs
        }
        rows = []
        for name, part in [*self.counts.splits.items(), ("total", self.counts.total)]:
            rows.append([name, *(_cell(number, published.get((name, what))) for what, number in _numbers(part))])
        print_table(["split", *_COLUMNS], rows)
        out.print()
        kind = self.published.object if self.published else "-"
        table = [[self.title, kind, *_row(self.row)]]
        if self.published and self.published.totals:
            table.append(["as the papers say", kind, *_row(self.published.totals)])
        print_table(["dataset", "object", "#ID", "#image", "#cam", "#view"], table)
        if self.published and self.published.note:
            out.print(f"note: {self.published.note}")
        out.print()

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values."""
        published = None
        if self.published:
            published = {
                "title": self.published.title,
                "totals": asdict(self.published.totals) if self.published.totals else None,
                "note": self.published.note,
                "counts": [{**asdict(one), "differs": one.differs} for one in self.comparisons],
            }
        return {**self.counts.to_json(), "totals": asdict(self.row), "published": published}


_COLUMNS = ("ids", "images", "cameras", "views", "unlabelled", "junk", "images per id (min / median / max)")


def _numbers(part: SplitStatistics) -> list[tuple[str, int | str]]:
    low, middle, high = part.images_per_identity
    numbers = (part.identities, part.images, part.cameras, part.views, part.unlabelled, part.junk)
    return list(zip(_COLUMNS, (*numbers, f"{low} / {middle:g} / {high}"), strict=True))


def _cell(number: int | str, published: str | None) -> int | str:
    return number if published is None else f"{number:,} != {published}"


def _row(row: Totals) -> list[int | str]:
    return ["-" if value is None else value for value in (row.identities, row.images, row.cameras, row.views)]
