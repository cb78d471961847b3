"""What bears on a number and is no setting: versions, machine, code and command."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from resight._version import __version__

_PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "pillow", "pyarrow")


def environment() -> dict[str, str]:
    """Names and values, in the order in which they are shown."""
    accelerators = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    command = [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else []
    return {
        "resight": __version__,
        "commit": _commit() or "unknown",
        "Python": platform.python_version(),
        **{package: _version_of(package) for package in _PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "threads": str(torch.get_num_threads()),
        "accelerator": ", ".join(accelerators) or "none",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(command),
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str | None:
    """The commit of the checkout that resight runs from, `+` where files differ from it; None for an installed one."""
    folder = Path(__file__).parent
    if not (folder.parents[1] / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None
