"""The public surface: what `resight` promises, and what importing it costs."""

import subprocess
import sys

import pytest

import resight


def test_all_is_complete_and_sorted() -> None:
    assert resight.__all__ == sorted(resight.__all__)
    for name in resight.__all__:
        assert getattr(resight, name) is not None
    assert set(resight.__all__) <= set(dir(resight))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = resight.nothing


@pytest.mark.parametrize("statement", ["import resight", "import resight.cli.main", "import resight.data"])
def test_import_is_light(statement: str) -> None:
    heavy = {"torch", "timm", "accelerate", "jinja2", "tensorboard", "huggingface_hub"}
    code = f"import sys; {statement}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
