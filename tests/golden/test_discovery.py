"""Golden cases are known by what they hold, whatever they are called."""

import shutil

import pytest

from tests.golden import discovery
from tests.golden.discovery import KINDS, all_cases, cases, folder


def test_a_missing_folder_has_no_cases(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIGHT_GOLDEN", str(tmp_path / "nowhere"))
    assert all(cases(kind) == [] for kind in KINDS)

    @discovery.parametrize("jpm")
    def test(case): ...

    (mark,) = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    (parameter,) = mark.args[1]
    assert parameter.marks[0].name == "skip"
    assert "does not exist" in parameter.marks[0].args[0]


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="no kind of golden case is called 'jmp'"):
        cases("jmp")


@pytest.mark.golden
@pytest.mark.skipif(not folder().is_dir(), reason=f"{folder()} does not exist")
def test_names_do_not_matter(tmp_path):
    """Every case again in a folder that is called by a number, and its file renamed."""
    found = [case for case in all_cases(folder()) if case.kind not in ("unknown", "full_size")]
    for number, case in enumerate(found):
        copy = tmp_path / "x" / str(number)
        copy.mkdir(parents=True)
        shutil.copy(case.path, copy / "y.json")
        for stem in case.shapes:
            (copy / f"{stem}.safetensors").symlink_to(case.path.parent / f"{stem}.safetensors")
    renamed = {case.name: case.kind for case in all_cases(tmp_path)}
    assert renamed == {f"x/{number}/y": case.kind for number, case in enumerate(found)}
