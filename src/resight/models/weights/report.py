"""What became of a weight file in a model, tensor by tensor."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

_SHOWN = 4


@dataclass(frozen=True)
class WeightReport:
    """Where each tensor of a model comes from, and where each tensor of the file went.

    Names are those of our `ReIDModel`, except in `left_out`, which has those of the file for what no model of ours
    has a use for.

    source, kind: of the file. matched: taken as they are. resized: name to what was done to it. fresh: left at their
    own initial values on purpose, name to why. missing: not in the file, though they should be. misfit: in the file
    with another meaning, name to what differs. unexpected: in the file, and unknown to the model. left_out: known
    and not needed, name to why. notes: what else one should know.
    """

    source: str
    kind: str
    matched: tuple[str, ...] = ()
    resized: Mapping[str, str] = field(default_factory=dict)
    fresh: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    misfit: Mapping[str, str] = field(default_factory=dict)
    unexpected: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def taken(self) -> tuple[str, ...]:
        """Names of all tensors that the model has from the file."""
        return (*self.matched, *self.resized)

    @property
    def fits(self) -> bool:
        """Whether all that should be taken was, and nothing unknown is left."""
        return not (self.missing or self.misfit or self.unexpected)

    def line(self) -> str:
        """The report in one line."""
        groups = {
            "tensors taken": self.taken,
            "of them resized": self.resized,
            "fresh": self.fresh,
            "left out": self.left_out,
            "missing": self.missing,
            "different": self.misfit,
            "unexpected": self.unexpected,
        }
        return f"{self.source} ({self.kind}): " + ", ".join(
            f"{len(found)} {name}" for name, found in groups.items() if found
        )

    def summary(self) -> str:
        """The report in several lines: a group of names for each thing that happened."""
        groups: list[tuple[str, Iterable[str]]] = [
            *((f"resized {what}", names) for what, names in _by_value(self.resized)),
            *((f"fresh, {why}", names) for why, names in _by_value(self.fresh)),
            *((f"left out, {why}", names) for why, names in _by_value(self.left_out)),
            ("MISSING in the file", self.missing),
            ("DIFFERENT", [f"{name} ({what})" for name, what in self.misfit.items()]),
            ("UNEXPECTED in the file", self.unexpected),
        ]
        lines = [f"  {title}: {first_few(list(names))}" for title, names in groups if names]
        return "\n".join([self.line(), *lines, *(f"  note: {note}" for note in self.notes)])

    def to_json(self) -> dict[str, Any]:
        return {"fits": self.fits, **asdict(self)}


def _by_value(reasons: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        groups.setdefault(reason, []).append(name)
    return list(groups.items())


def first_few(names: list[str]) -> str:
    """The first four names, and how many more there are."""
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
