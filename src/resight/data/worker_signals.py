"""Signals in the processes that load images."""

import signal


def leave_signals_to_the_main_process(worker: int) -> None:
    """For `worker_init_fn` of a `DataLoader`: Ctrl-C and SIGTERM do not end a worker.

    A terminal or a scheduler sends them to all processes of a run. The main process then finishes its step, for which
    it may need another batch, and ends its workers itself. A worker whose main process is gone leaves by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
