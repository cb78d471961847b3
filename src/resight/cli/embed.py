"""`resight embed`: images in, vectors out."""

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.console import note, print_json, progress_bar


def embed(
    model: Annotated[str, typer.Argument(help="Model folder, run folder or hub id.")],
    data: Annotated[Path, typer.Argument(help="Manifest (.parquet, .csv), folder of images, or one image.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".npy file; the rows go to a .parquet beside it.")],
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode images.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Embed images: one unit vector for each, and the table of rows that they belong to.

    Example: resight embed runs/market1501_transreid crops/ -o crops.npy
    """
    import numpy as np

    from resight.data.convert.image_folder import image_folder
    from resight.data.manifest import Manifest
    from resight.errors import DataError
    from resight.files import whole_file
    from resight.inference import load

    if output.suffix != ".npy":
        raise DataError(f"--output must be a .npy file, got {output}; the rows are written beside it as .parquet")
    manifest = Manifest.read(data) if data.suffix in (".parquet", ".csv") else image_folder(data)
    embedder = load(model)
    with progress_bar("embedding") as on_embed:
        vectors = embedder.embed(manifest, batch_size=batch_size, workers=workers, progress=on_embed)
    rows = output.with_suffix(".parquet")
    with whole_file(output) as temporary, temporary.open("wb") as file:
        np.save(file, vectors)
    manifest.write(rows)
    if json:
        print_json({"embeddings": output, "rows": rows, "count": len(vectors), "dim": vectors.shape[1]})
    else:
        note(f"{len(vectors):,} vectors of {vectors.shape[1]} numbers: {output}, their rows: {rows}")
