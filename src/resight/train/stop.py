"""Ctrl-C and SIGTERM during training: the step is finished and saved before the process leaves."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Inside `with`, Ctrl-C and SIGTERM are only noted; what comes after a first Ctrl-C acts as it would without.

    A second SIGTERM is noted too: where a scheduler sends one to all processes of a job, torchrun sends another one.
    Python lets only the main thread catch signals; elsewhere nothing is noted.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        self.received = None
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    @property
    def flag(self) -> float:
        """1 after a signal, 0 before; a number, since processes add theirs up."""
        return float(self.received is not None)

    def leave(self) -> None:
        """Raises what Ctrl-C would have, or `SystemExit` with the code of a terminated process (143)."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + signal.SIGTERM)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number
        if number == signal.SIGINT:
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
