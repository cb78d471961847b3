"""Signals in the processes that load images."""

import atexit
import multiprocessing.util  # its own function for the end of the process is registered here, and so runs after ours
import signal


def leave_signals_to_the_main_process(worker: int) -> None:
    """For `worker_init_fn` of a `DataLoader`: Ctrl-C and SIGTERM do not end a worker.

    A terminal or a scheduler sends them to all processes of a run. The main process then finishes its step, for which
    it may need another batch, and ends its workers itself. A worker whose main process is gone leaves by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_workers() -> None:
    """Python's own end would send SIGTERM to a worker that is left over, and then wait for it for ever."""
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


atexit.register(_end_workers)
