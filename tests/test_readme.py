"""The documents are code: the README's steps run, links lead somewhere, commands exist."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from resight.cli.main import app, main
from resight.data.manifest import Manifest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [
        line.strip() for block in re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.S) for line in block.splitlines()
    ]
    for line in lines:
        words = line.split()
        if not words or words[0] != "resight":
            continue
        command = get_command(app)
        for word in words[1:]:
            commands = getattr(command, "commands", None)
            if commands is None:
                break
            if not word.startswith("-"):
                assert word in commands, f"{page.name}: {line}"
                command = commands[word]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in words[1:]:
            if word.startswith("--") and word not in ("--help", "--version", "--debug"):
                assert word.split("=")[0] in options, f"{page.name}: {line}: no option {word}"


def _block(heading: str, language: str) -> str:
    """The first block of code below a heading of the README."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    found = re.search(rf"```{language}\n(.*?)```", section, re.S)
    assert found is not None, f"README.md has no {language} block below {heading!r}"
    return found[1]


TINY = [
    *("model.name=vit_nano", "model.image_size=[64,32]", "train.epochs=1", "train.precision=fp32"),
    *("sampler.ids_per_batch=2", "sampler.images_per_id=2"),
]


def test_the_readme_from_a_folder_to_numbers(
    tiny_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its commands in their order, with a smaller network that starts from nothing; then its lines of Python."""
    monkeypatch.chdir(tmp_path)
    for image, pid, camera in zip(*(tiny_manifest.column(name) for name in ("image", "pid", "camid")), strict=True):
        target = tmp_path / "crops" / str(pid) / f"cam{camera}_{image}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_manifest.root / str(image), target)
    for line in _block("Your own data", "bash").splitlines():
        words = [word for word in shlex.split(line) if word != "model.weights=timm"]
        monkeypatch.setattr(sys, "argv", [*words, *TINY] if words[1] == "train" else words)
        code = None
        try:
            main()
        except SystemExit as leave:
            code = leave.code
        assert not code, f"{line}: {capsys.readouterr().err}"
    crops = Manifest.read("crops.parquet")
    assert len(crops) == len(tiny_manifest), "the user's table is as it was"
    assert not crops.column("split").astype(bool).any()
    assert (tmp_path / "ranks.html").is_file()
    shutil.copytree("runs/mine", "runs/vehicles")
    shutil.copy("split.parquet", "vehicles.parquet")
    capsys.readouterr()
    exec(_block("Five lines of Python", "python"), {})
    assert "mAP" in capsys.readouterr().out
