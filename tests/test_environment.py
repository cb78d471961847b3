"""What a page and a run folder say of where they were made."""

import sys

import pytest

from resight import __version__, environment


def test_names_versions_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/resight", "train", "a recipe"])
    found = environment.environment()
    assert found["resight"] == __version__
    assert found["torch"].count(".") >= 2
    assert found["command"] == "resight train 'a recipe'"
    assert list(found)[-1] == "command"


def test_missing_package_and_missing_git_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(environment.subprocess, "run", _no_git)
    found = environment.environment()
    assert found["no-such-package"] == "not installed"
    assert found["commit"] == "unknown"


def _no_git(*arguments: object, **options: object) -> None:
    raise FileNotFoundError("git")
