"""`resight data`: make, convert, split, check and count data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from resight.cli.console import note, out, print_json, print_table, progress_bar

app = typer.Typer(
    no_args_is_help=True,
    help="Make, convert, split, check and count data.",
    epilog="Example: resight data synth people",
)

Source = Annotated[Path, typer.Argument(help="Manifest (.parquet, .csv), or a folder with --format.")]
Format = Annotated[str | None, typer.Option("--format", "-f", help="Converter for a folder, such as market1501.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def synth(
    folder: Annotated[Path, typer.Argument(help="Where to write; new, empty, or the same set.")],
    train_ids: Annotated[int, typer.Option(min=1)] = 100,
    test_ids: Annotated[int, typer.Option(min=1)] = 50,
    cameras: Annotated[int, typer.Option(min=2)] = 6,
    images_per_camera: Annotated[int, typer.Option(min=1, help="Of each identity.")] = 4,
    distractors: Annotated[int, typer.Option(min=0)] = 0,
    pool: Annotated[int, typer.Option(min=0, help="Instead: an unlabelled pool of so many crops.")] = 0,
    junk_share: Annotated[float, typer.Option(min=0, max=1, help="Share of junk in the pool.")] = 0.4,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json: Json = False,
) -> None:
    """Render synthetic people: a labelled set in Market-1501's layout, or an unlabelled pool.

    Example: resight data synth people --train-ids 200 --test-ids 100
    """
    from resight.data.synthetic import write_market1501_layout, write_pool

    with progress_bar("rendering") as progress:
        if pool:
            path = write_pool(folder, images=pool, junk_share=junk_share, cameras=cameras, seed=seed, progress=progress)
        else:
            path = write_market1501_layout(
                folder,
                train_ids=train_ids,
                test_ids=test_ids,
                cameras=cameras,
                images_per_camera=images_per_camera,
                distractors=distractors,
                seed=seed,
                progress=progress,
            )
    _done(json, "written", path)


@app.command()
def convert(
    format: Annotated[str, typer.Argument(help="Converter: market1501, folder_per_identity, csv_table, ...")],
    source: Annotated[Path, typer.Argument(help="Folder or file of the data set.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Manifest to write: .parquet or .csv.")],
    camera_pattern: Annotated[
        str | None, typer.Option(help="folder_per_identity: regular expression, its group is the camera.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="csv_table: KNOWN=YOURS, such as pid=identity; repeat.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Turn a data set into a manifest.

    Example: resight data convert market1501 Market-1501-v15.09.15 -o market.parquet
    """
    from resight.recipes.build import read_source

    options: dict[str, Any] = {}
    if camera_pattern is not None:
        options["camera_pattern"] = camera_pattern
    if column:
        options["columns"] = dict(_pair(text) for text in column)
    manifest = read_source(source, format, **options)
    manifest.write(output)
    _done(json, f"{len(manifest):,} rows", output)


@app.command()
def split(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="Manifest to write: .parquet or .csv.")],
    format: Format = None,
    test_share: Annotated[float, typer.Option(help="Share of the identities that go to the test.")] = 0.5,
    query_per_camera: Annotated[int, typer.Option(min=1, help="Query images per test identity and camera.")] = 1,
    seed: Annotated[int, typer.Option()] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a split that is there.")] = False,
    json: Json = False,
) -> None:
    """Split by identity into train and test, and the test into query and gallery across cameras.

    Example: resight data split crops.csv -o crops_split.parquet --test-share 0.3
    """
    from resight.data.split import split_with_summary
    from resight.recipes.build import read_source

    manifest, summary = split_with_summary(
        read_source(source, format),
        test_share=test_share,
        query_per_camera=query_per_camera,
        seed=seed,
        overwrite=overwrite,
    )
    manifest.write(output)
    if json:
        print_json({"output": output, **summary.to_json()})
    else:
        for name, value in summary.to_json().items():
            out.print(f"{name.replace('_', ' ')}: {value}")
        note(f"manifest: {output}")


@app.command()
def check(
    source: Source,
    format: Format = None,
    decode: Annotated[bool, typer.Option("--decode/--no-decode", help="Open every image.")] = True,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Also compare the files' content.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads.", show_default="one per processor")] = None,
    json: Json = False,
) -> None:
    """Look for what would break a run or spoil its numbers. Exit code 1 if there is an error.

    Example: resight data check market.parquet
    """
    from resight.data.check import check as look
    from resight.recipes.build import read_source

    manifest = read_source(source, format)
    with progress_bar("checking") as progress:
        findings = look(manifest, decode=decode, duplicate_content=duplicates, workers=workers, progress=progress)
    errors = sum(finding.severity == "error" for finding in findings)
    if json:
        print_json([finding.to_json() for finding in findings])
    else:
        for finding in findings:
            out.print(str(finding))
        out.print(f"{len(manifest):,} rows: {errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@app.command()
def stats(source: Source, format: Format = None, json: Json = False) -> None:
    """Count identities, images, cameras and views of each split.

    Example: resight data stats market.parquet
    """
    from resight.data.statistics import statistics
    from resight.recipes.build import read_source

    counts = statistics(read_source(source, format))
    if json:
        print_json(counts.to_json())
        return
    rows = []
    for name, part in [*counts.splits.items(), ("total", counts.total)]:
        low, middle, high = part.images_per_identity
        per_identity = f"{low} / {middle:g} / {high}"
        rows.append(
            [name, part.identities, part.images, part.cameras, part.views, part.unlabelled, part.junk, per_identity]
        )
    columns = ["split", "ids", "images", "cameras", "views", "unlabelled", "junk", "images per id (min / median / max)"]
    print_table(columns, rows)


def _pair(text: str) -> tuple[str, str]:
    known, separator, own = text.partition("=")
    if not separator or not known or not own:
        raise typer.BadParameter(f"expected KNOWN=YOURS, such as pid=identity, got {text!r}")
    return known, own


def _done(json: bool, what: str, path: Path) -> None:
    if json:
        print_json({"output": path})
    else:
        note(f"{what}: {path}")
