"""Where a page was made: versions, machine and command, for its last lines."""

import datetime
import os
import platform
import shlex
import sys
from pathlib import Path

import torch

from resight._version import __version__


def environment() -> dict[str, str]:
    """Names and values in the order in which they are shown."""
    accelerators = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    command = [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else []
    return {
        "resight": __version__,
        "torch": torch.__version__,
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "accelerator": ", ".join(accelerators) or "none",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(command),
    }
