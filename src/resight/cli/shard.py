"""`resight data shard`: pack a data set into tar shards, and check such a set."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.console import note, out, print_json, progress_bar
from resight.cli.data import Format, Json, Options

if TYPE_CHECKING:
    from resight.data.manifest import Manifest


def shard(
    source: Annotated[
        Path, typer.Argument(help="Manifest (.parquet, .csv), folder or LMDB; with --check the folder of a set.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the set; new, or to go on.")] = None,
    format: Format = None,
    option: Options = None,
    rows_per_shard: Annotated[int, typer.Option(min=1, help="Images in each tar.")] = 10_000,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="one per processor")] = None,
    check: Annotated[bool, typer.Option("--check", help="Instead: read a set and compare checksums.")] = False,
    json: Json = False,
) -> None:
    """Pack a data set into tar shards, for pools of millions of images.

    Example: resight data shard luperson.parquet -o shards

    Stopped or killed, the same command goes on where it was. Images that cannot be read are left out and listed in
    skipped.csv. The tars can be read by WebDataset too. With --check the exit code is 1 if something is damaged.
    """
    if check:
        if output is not None or format is not None or option:
            raise typer.BadParameter("--check takes the set as SOURCE, without --output, --format and --option")
        _check(source, workers, json)
        return
    if output is None:
        raise typer.BadParameter("name the folder to pack into: --output FOLDER")
    from resight.data.shards.layout import ROWS, SKIPPED
    from resight.data.shards.pack import pack

    manifest = _rows(source, format, option)
    with progress_bar("packing") as progress:
        packed = pack(
            manifest, output, rows_per_shard=rows_per_shard, workers=workers or os.cpu_count() or 1, progress=progress
        )
    shards = packed.shards
    if json:
        numbers = {"rows": shards.rows, "shards": len(shards.shards), "kept": packed.kept, "skipped": shards.skipped}
        print_json({"output": output, "manifest": output / ROWS, **numbers})
        return
    kept = f", {packed.kept:,} of them from before" if packed.kept else ""
    note(f"{shards.rows:,} images in {len(shards.shards):,} shards{kept}: {output}")
    if shards.skipped:
        note(f"left out, since they cannot be read: {shards.skipped:,}, listed in {output / SKIPPED}")


def _check(source: Path, workers: int | None, json: bool) -> None:
    """Exits with 1 if there is an error."""
    from resight.data.shards.verify import verify

    with progress_bar("checking") as progress:
        shards, findings = verify(source, workers=workers, progress=progress)
    errors = sum(finding.severity == "error" for finding in findings)
    if json:
        print_json({"findings": [finding.to_json() for finding in findings], "rows": shards.rows})
    else:
        for finding in findings:
            out.print(str(finding))
        out.print(f"{shards.rows:,} images in {len(shards.shards):,} shards; errors: {errors:,}")
    if errors:
        raise typer.Exit(1)


def _rows(source: Path, format: str | None, option: list[str] | None) -> "Manifest":
    """As every command reads data; a folder or an LMDB needs no --format."""
    from resight.data.convert.options import parse_options

    with progress_bar("reading") as progress:
        if format is None and not option:
            from resight.data.pool import open_pool

            return open_pool(source).manifest()
        from resight.recipes.build import read_source

        return read_source(source, format, parse_options(option or []), progress=progress)
