"""`resight`: the commands, and how errors reach the user."""

import logging
import os
import sys
from typing import Annotated

import typer

from resight._version import __version__
from resight.cli import calibrate, data, demo, embed, evaluate, pretrain, recipes, report, shard, train, weights
from resight.cli.console import error, is_debug
from resight.cli.filter import filter_pool

app = typer.Typer(
    name="resight",
    help="Object re-identification: is this person, vehicle or animal one that was seen before?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: resight demo",
)
app.command()(demo.demo)
data.app.command()(shard.shard)
app.add_typer(data.app, name="data")
app.command()(recipes.recipes)
app.command()(train.train)
app.command()(pretrain.pretrain)
app.command(name="filter")(filter_pool)
app.command()(evaluate.evaluate)
app.command()(calibrate.calibrate)
app.command()(report.report)
app.command()(embed.embed)
app.add_typer(weights.app, name="weights")


def _print_version(value: bool) -> None:
    if value:
        print(f"resight {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log what happens.")] = False,
) -> None:
    if debug:
        os.environ["RESIGHT_DEBUG"] = "1"
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")


def main() -> None:
    """Runs the command line.

    Exit codes: 0 done, 1 an error that is explained, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated (SIGTERM).
    """
    from resight.errors import ResightError

    try:
        app(prog_name="resight")
    except SystemExit as leave:
        if leave.code == 130:
            error("interrupted")
        raise
    except (ResightError, OSError, ValueError, MemoryError) as problem:
        if is_debug():
            raise
        error(_text(problem))
        sys.exit(1)
    except RuntimeError as problem:
        if is_debug() or "DataLoader worker" not in str(problem):
            raise
        error(
            f"a process that loads images ended unexpectedly, perhaps for want of memory or shared memory ({problem}); "
            "lower data.workers (--workers), or set it to 0, and try again; a run goes on with --resume"
        )
        sys.exit(1)


def _text(problem: Exception) -> str:
    """The message; of an error in a worker process its last line, since torch puts the traceback before it."""
    message = str(problem) or type(problem).__name__
    if message.startswith("Caught ") and "Original Traceback" in message:
        return message.strip().rpartition("\n")[2].partition(": ")[2]
    return message


if __name__ == "__main__":
    main()
