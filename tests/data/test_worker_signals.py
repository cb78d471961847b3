import os
import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from resight.data.worker_signals import leave_signals_to_the_main_process

leave_signals_to_the_main_process(0)
os.kill(os.getpid(), int(sys.argv[1]))
print("still here")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_stays(number: int) -> None:
    """In a process of its own, which is what a worker is."""
    words = [sys.executable, "-c", SCRIPT, str(int(number))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "still here\n"


def test_a_worker_that_is_left_over_does_not_hold_up_the_end() -> None:
    """As one of an iterator that an error's traceback still holds."""
    program = (
        "import multiprocessing, time\n"
        "from resight.data.worker_signals import leave_signals_to_the_main_process as leave\n"
        "context = multiprocessing.get_context('fork')\n"
        "ready = context.Event()\n"
        "def work():\n    leave(0)\n    ready.set()\n    time.sleep(600)\n"
        "context.Process(target=work, daemon=True).start()\n"
        "ready.wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False, env=environment).returncode == 0
