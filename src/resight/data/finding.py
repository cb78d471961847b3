"""What a check of a data set found."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from resight.data.manifest import Manifest

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or doubtful.

    Attributes:
        check: short name of the check, such as `missing_file`.
        severity: an error breaks a run or falsifies its numbers; a warning may be meant so.
        message: what it is and what to do.
        count: how many rows, images, columns, identities or cameras.
        examples: the first few.
    """

    check: str
    severity: Severity
    message: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        shown = (
            f" ({', '.join(self.examples)}{', ...' if self.count > len(self.examples) else ''})"
            if self.examples
            else ""
        )
        return f"{self.severity}: {self.count:,} {self.message}{shown}"

    def to_json(self) -> dict[str, Any]:
        """The parts by name, in plain values."""
        return {**asdict(self), "examples": list(self.examples)}


def examples(manifest: Manifest, mask: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    """Images of the first five rows of the mask (N,)."""
    return tuple(str(manifest.table.column("image")[row].as_py()) for row in np.flatnonzero(mask)[:5].tolist())
