"""`resight data`: make, convert, join, split, check and count data."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.console import note, out, print_json, progress_bar

if TYPE_CHECKING:
    from resight.data.finding import Finding
    from resight.data.manifest import Manifest

# Written out, since importing the converters would make every `--help` slow; a test compares.
FORMATS = (
    "csv_table, cuhk03_np, dukemtmc, folder_per_identity, image_folder, luperson, luperson_lmdb, market1501, msmt17, "
    "occluded_duke, vehicle_reid, vehicleid, veri776, webdataset, wildlife"
)

app = typer.Typer(
    no_args_is_help=True,
    help="Make, convert, join, split, check and count data.",
    epilog="Example: resight data synth people",
)

Source = Annotated[Path, typer.Argument(help="Manifest (.parquet, .csv), or a folder with --format.")]
Format = Annotated[str | None, typer.Option("--format", "-f", help="Converter for a folder, such as market1501.")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-O", help="KEY=VALUE for the converter, see `resight data formats`; repeat.", show_default=False
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Manifest to write: .parquet or .csv.")]
PublishedName = Annotated[
    str | None,
    typer.Option(
        "--as", help="Published data set to compare with; none: do not compare.", show_default="that of --format"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def synth(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to write; new, empty, or the same set.")],
    train_ids: Annotated[int, typer.Option(min=1)] = 100,
    test_ids: Annotated[int, typer.Option(min=1)] = 50,
    cameras: Annotated[int, typer.Option(min=2)] = 6,
    images_per_camera: Annotated[int, typer.Option(min=2, help="Of each identity.")] = 4,
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

    _refuse_options_without_effect(context, is_pool=bool(pool))
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
    format: Annotated[str, typer.Argument(help=f"Converter: {FORMATS}.")],
    source: Annotated[Path, typer.Argument(help="Folder or file of the data set.")],
    output: Output,
    option: Options = None,
    json: Json = False,
) -> None:
    """Turn a data set into a manifest.

    Example: resight data convert market1501 Market-1501-v15.09.15 -o market.parquet

    `resight data formats` says what each converter reads and which options it has.
    """
    manifest = _read(source, format, option)
    manifest.write(output)
    _done(json, _many(len(manifest), "row"), output)


@app.command()
def formats(json: Json = False) -> None:
    """List the converters: what each reads, and its options with their defaults.

    Example: resight data formats
    """
    from resight.data.convert import CONVERTERS
    from resight.data.convert.options import describe_options

    rows = {
        name: {"reads": (converter.__doc__ or "").partition("\n")[0], "options": describe_options(name)}
        for name, converter in CONVERTERS.items()
    }
    if json:
        print_json(rows)
        return
    for name, row in rows.items():
        out.print(f"{name}: {row['reads']}")
        for text in row["options"]:
            out.print(f"    --option {text}")


@app.command()
def join(
    sources: Annotated[
        list[str], typer.Argument(help="Manifests, each FILE or NAME=FILE; the name is else the file's.")
    ],
    output: Output,
    test: Annotated[
        list[str] | None,
        typer.Option(help="Set that keeps its query and gallery rows; repeat.", show_default="all sets"),
    ] = None,
    json: Json = False,
) -> None:
    """Join data sets into one; identities and cameras get the set's name, a column `dataset` holds it.

    Example: resight data join market.parquet duke.parquet -o both.parquet

    Train on two sets, test on one: resight data join msmt17.parquet market.parquet --test market -o mm.parquet
    """
    from resight.data.join import join as join_sets
    from resight.data.manifest import Manifest

    named = [_named(text) for text in sources]
    names = [name for name, _ in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise typer.BadParameter(f"two sets are named {', '.join(twice)}; name them apart with NAME=FILE")
    manifest = join_sets({name: Manifest.read(path) for name, path in named}, test=test)
    manifest.write(output)
    _done(json, f"{len(manifest):,} rows of {', '.join(names)}", output)


@app.command()
def split(
    source: Source,
    output: Output,
    format: Format = None,
    option: Options = None,
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

    manifest, summary = split_with_summary(
        _read(source, format, option),
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
    option: Options = None,
    published: PublishedName = None,
    decode: Annotated[bool, typer.Option("--decode/--no-decode", help="Open every image.")] = True,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Also compare the files' content.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads.", show_default="one per processor")] = None,
    json: Json = False,
) -> None:
    """Count, and look for what would break a run or spoil its numbers. Exit code 1 if there is an error.

    Example: resight data check market.parquet --as market1501

    Counts other than the published ones are an error with --as, and a warning where the format alone says what to
    compare with, since data of your own can have that layout too.
    """
    from resight.cli.counts import Counted
    from resight.data.check import check as look
    from resight.data.check import errors_first

    manifest, unreadable = _read_to_check(source, format, option)
    counted = Counted.of(manifest, source, name=published, format=format)
    with progress_bar("checking") as progress:
        findings = look(manifest, decode=decode, duplicate_content=duplicates, workers=workers, progress=progress)
    findings = errors_first([*unreadable, *findings, *counted.findings("error" if published else "warning")])
    errors = sum(finding.severity == "error" for finding in findings)
    if json:
        print_json({"findings": [finding.to_json() for finding in findings], "counts": counted.to_json()})
    else:
        counted.print()
        for finding in findings:
            out.print(str(finding))
        warnings = len(findings) - errors
        out.print(f"{_many(len(manifest), 'row')}: {_many(errors, 'error')}, {_many(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)


@app.command()
def stats(
    source: Source, format: Format = None, option: Options = None, published: PublishedName = None, json: Json = False
) -> None:
    """Count identities, images, cameras and views of each split, beside the published ones, and as the papers do.

    Example: resight data stats market.parquet --as market1501
    """
    from resight.cli.counts import Counted

    counted = Counted.of(_read(source, format, option), source, name=published, format=format)
    if json:
        print_json(counted.to_json())
    else:
        counted.print()


def _refuse_options_without_effect(context: typer.Context, *, is_pool: bool) -> None:
    """Raises `typer.BadParameter` for an option of `synth` that belongs to the other kind of set."""
    others = ("train_ids", "test_ids", "images_per_camera", "distractors") if is_pool else ("junk_share",)
    sources = {name: context.get_parameter_source(name) for name in others}
    given = [f"--{name.replace('_', '-')}" for name, source in sources.items() if source and source.name != "DEFAULT"]
    if given:
        kind = "an unlabelled pool (--pool)" if is_pool else "a labelled set; an unlabelled pool needs --pool NUMBER"
        raise typer.BadParameter(f"{', '.join(given)} has no effect on {kind}")


def _read(source: Path, format: str | None, option: list[str] | None) -> "Manifest":
    from resight.data.convert.options import parse_options
    from resight.recipes.build import read_source

    with progress_bar("reading") as progress:
        return read_source(source, format, parse_options(option or []), progress=progress)


def _read_to_check(source: Path, format: str | None, option: list[str] | None) -> "tuple[Manifest, list[Finding]]":
    """Tables as they are, with what could not be read of them; all else as every command reads it."""
    from resight.data.check_source import read_to_check
    from resight.data.convert.options import parse_options, typed_options

    is_manifest = format is None and not option and not source.is_dir()
    if not is_manifest and format != "csv_table":
        return _read(source, format, option), []
    options = typed_options("csv_table", parse_options(option or []))
    with progress_bar("reading"):
        return read_to_check(source, **options)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _named(text: str) -> tuple[str, Path]:
    """(name, path) of `NAME=FILE`, or of a file alone."""
    match = re.fullmatch(r"([\w.-]+)=(.+)", text)
    if match and not Path(text).exists():
        return match[1], Path(match[2])
    return Path(text).stem, Path(text)


def _done(json: bool, what: str, path: Path) -> None:
    if json:
        print_json({"output": path})
    else:
        note(f"{what}: {path}")
