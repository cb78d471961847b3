"""`resight embed`: images in, vectors out."""

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.console import is_first_process, note, print_json, progress_bar


def embed(
    model: Annotated[str, typer.Argument(help="Model folder, run folder or hub id.")],
    data: Annotated[Path, typer.Argument(help="Manifest (.parquet, .csv), folder of images, or one image.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="X.npy; the rows go to X.rows.parquet beside it.")],
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="Converter for a folder; default: every image in it.")
    ] = None,
    flip: Annotated[bool | None, typer.Option("--flip/--no-flip", help="Average with the mirrored image.")] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode images.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Embed images: one unit vector for each, and the table of rows that they belong to.

    Example: resight embed runs/market1501_transreid crops/ -o crops.npy

    Several GPUs: torchrun --nproc-per-node 4 -m resight.cli.main embed ...
    """
    import numpy as np

    from resight.errors import DataError
    from resight.files import whole_file
    from resight.inference import embed_in_shards, join_processes, load, unknown_names
    from resight.recipes.build import read_source

    if output.suffix != ".npy":
        raise DataError(f"--output must be a .npy file, got {output}; the rows are written beside it as .rows.parquet")
    rows = output.with_suffix(".rows.parquet")
    _require_other_files(data, (output, rows))
    is_table = data.suffix in (".parquet", ".csv")
    manifest = read_source(data, format if format or is_table else "image_folder")
    if not len(manifest):
        raise DataError(f"{data} has no rows, so there is nothing to embed")
    join_processes()
    embedder = load(model)
    for line in unknown_names(manifest, embedder.card):
        note(line)
    with progress_bar("embedding") as on_embed:
        vectors = embed_in_shards(
            embedder, manifest, batch_size=batch_size, flip=flip, workers=workers, progress=on_embed
        )
    if not is_first_process():
        return
    with whole_file(output) as temporary, temporary.open("wb") as file:
        np.save(file, vectors)
    manifest.write(rows)
    if json:
        print_json({"embeddings": output, "rows": rows, "count": len(vectors), "dim": vectors.shape[1]})
    else:
        note(f"{len(vectors):,} vectors of {vectors.shape[1]} numbers: {output}, their rows: {rows}")


def _require_other_files(data: Path, outputs: tuple[Path, ...]) -> None:
    from resight.errors import DataError

    for path in outputs:
        if data.exists() and path.exists() and path.samefile(data):
            raise DataError(f"{path} would be written over, but it is the input; choose another --output")
