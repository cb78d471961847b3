from collections.abc import Callable
from pathlib import Path

import pytest

Fill = Callable[..., Path]


@pytest.fixture
def fill() -> Fill:
    """Makes empty files below a folder, and the folder itself."""

    def make(root: Path, *names: str) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"")
        return root

    return make


@pytest.fixture
def odd_parent(tmp_path: Path) -> Path:
    """A folder whose name looks like that of an image."""
    return tmp_path / "0007_c3s1_run12_c3"
