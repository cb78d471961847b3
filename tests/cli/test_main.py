import subprocess
import sys

import pytest

from resight import __version__
from resight.cli import main as cli
from resight.errors import DataError
from tests.cli.conftest import Run

COMMANDS = [
    [],
    ["demo"],
    ["data"],
    *(["data", name] for name in ("synth", "formats", "convert", "join", "split", "shard", "check", "stats")),
    ["recipes"],
    ["train"],
    ["pretrain"],
    ["filter"],
    ["evaluate"],
    ["calibrate"],
    ["report"],
    ["embed"],
    ["weights"],
    *(["weights", name] for name in ("inspect", "convert")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_shows_an_example(run: Run, command: list[str], option: str) -> None:
    result = run(*command, option)
    assert result.code == 0
    assert f"Usage: {' '.join(['resight', *command])}" in result.out
    assert ("resight demo" if not command else f"Example: resight {' '.join(command)}") in result.out
    assert result.err == ""


def test_every_command_is_tested() -> None:
    names = [[command.name or command.callback.__name__] for command in cli.app.registered_commands if command.callback]
    for group in cli.app.registered_groups:
        assert group.name
        assert group.typer_instance is not None
        commands = group.typer_instance.registered_commands
        names += [[group.name], *([group.name, command.callback.__name__] for command in commands if command.callback)]
    assert sorted(names) == sorted(command for command in COMMANDS if command)


def test_results_as_json_are_offered_wherever_results_are_printed(run: Run) -> None:
    for command in COMMANDS:
        if command not in ([], ["data"], ["weights"]):
            assert "--json" in run(*command, "--help").out, command


def test_defaults_that_no_value_shows_are_in_the_help(run: Run) -> None:
    assert "runs/RECIPE" in run("train", "--help").out
    assert "one per processor" in run("data", "check", "--help").out


def test_version(run: Run) -> None:
    assert run("--version").out == f"resight {__version__}\n"


@pytest.mark.parametrize("arguments", [["trian"], ["train"], ["recipes", "--yaml"], ["data", "split", "a.csv"]])
def test_wrong_usage_is_code_2(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert "Usage" in result.err
    assert result.out == ""


def _raise(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("resight.recipes.load_recipe", fail)


def test_errors_on_purpose_are_code_1_and_one_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for problem in (
        DataError("[1] of :car: is odd"),
        ValueError("[1] of :car: is odd"),
        OSError("[1] of :car: is odd"),
    ):
        _raise(monkeypatch, problem)
        result = run("recipes", "mine.yaml")
        assert (result.code, result.out, result.err) == (1, "", "error: [1] of :car: is odd\n")


def test_an_error_without_text_has_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _raise(monkeypatch, MemoryError())
    assert run("recipes", "mine.yaml").err == "error: MemoryError\n"


def test_the_traceback_of_a_worker_process_is_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "Caught DataError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
        '  File "x.py", line 3\nresight.errors.DataError: cannot read the image a: b\n'
    )
    _raise(monkeypatch, DataError(text))
    assert run("recipes", "mine.yaml").err == "error: cannot read the image a: b\n"


def test_ctrl_c_is_code_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _raise(monkeypatch, KeyboardInterrupt())
    result = run("recipes", "mine.yaml")
    assert (result.code, result.err) == (130, "error: interrupted\n")


def test_bugs_keep_their_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _raise(monkeypatch, AssertionError("a bug"))
    with pytest.raises(AssertionError, match="a bug"):
        run("recipes", "mine.yaml")


def test_debug_keeps_the_traceback_of_every_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIGHT_DEBUG", "")  # restored afterwards; the option sets it
    _raise(monkeypatch, DataError("bad"))
    with pytest.raises(DataError, match="bad"):
        run("--debug", "recipes", "mine.yaml")


def test_help_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; import resight, resight.cli.main as cli; sys.argv = ['resight', 'train', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pyarrow', 'PIL', 'timm', 'accelerate'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: resight train" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
