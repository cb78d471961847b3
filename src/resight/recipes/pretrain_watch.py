"""A pre-training under way: looks inside an epoch, which can take hours, and a collapse named when it happens."""

import logging
from collections.abc import Mapping

from resight.pretrain.health import complaints
from resight.train import Trainer

_logger = logging.getLogger(__name__)
_COUNTS = ("images", "skipped")  # in the sums of the trainer, and no means


class HealthWatch:
    """Looks at the numbers that a trainer adds up.

    Args:
        trainer: where the run is, when it begins or goes on.
        every: batches between two looks inside an epoch; 0: no look.
    """

    def __init__(self, trainer: Trainer, every: int) -> None:
        self.trainer = trainer
        self.every = every
        self._named: set[str] = set()  # what was complained of, each kind once
        self._step, self._seconds = 0, 0.0  # of the last look
        self._sums: dict[str, float] = {}
        self._remember(trainer.step)

    def look(self, epoch: int, step: int, steps: int) -> dict[str, float]:
        """Means of the batches since the last look, and images per second; empty where none is due.

        Args:
            epoch: from 0.
            step: batches done in it.
            steps: of the epoch, whose end has a row of its own.
        """
        if not self.every or step % self.every or step == steps:
            return {}
        if step <= self._step:  # of an epoch before
            self._step, self._sums, self._seconds = 0, {}, 0.0
        sums, count = self.trainer.sums, step - self._step
        since = {name: value - self._sums.get(name, 0.0) for name, value in sums.items()}
        row = {name: value / count for name, value in since.items() if name not in _COUNTS}
        seconds = self.trainer.seconds - self._seconds  # the loop adds those of this batch later
        if seconds > 0:
            row["images_per_second"] = since["images"] / seconds
        self._remember(step)
        self.complain(row, f"epoch {epoch + 1}, batch {step}")
        return row

    def complain(self, row: Mapping[str, float], where: str) -> None:
        """Logs what is wrong, each kind once."""
        for complaint in complaints(row):
            kind = complaint.partition("(")[0]
            if kind not in self._named:
                _logger.warning("%s: %s", where, complaint)
            self._named.add(kind)

    def _remember(self, step: int) -> None:
        self._step, self._sums, self._seconds = step, dict(self.trainer.sums), self.trainer.seconds
