"""`resight evaluate`: a model and a manifest in, numbers out."""

from pathlib import Path
from typing import Annotated

import typer

from resight.cli.console import is_first_process, note, out, print_json, progress_bar


def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder, run folder or hub id.")],
    data: Annotated[Path, typer.Argument(help="Manifest with query and gallery rows, or a folder with --format.")],
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="Converter for a folder, such as market1501.")
    ] = None,
    flip: Annotated[bool | None, typer.Option("--flip/--no-flip", help="Average with the mirrored image.")] = None,
    cross_camera: Annotated[
        bool, typer.Option("--cross-camera/--any-camera", help="Leave out gallery rows of the query's own camera.")
    ] = True,
    both_directions: Annotated[
        bool, typer.Option("--both-directions", help="Also gallery against query; report the mean.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    page: Annotated[Path | None, typer.Option(help="Write an HTML page with rank lists here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate a model: mAP, Rank-k and mINP on the query and gallery rows of a manifest.

    Example: resight evaluate runs/market1501_transreid market.parquet --page ranks.html

    Several GPUs: torchrun --nproc-per-node 4 -m resight.cli.main evaluate ...
    """
    from resight.errors import DataError
    from resight.inference import join_processes, load
    from resight.recipes.build import read_source
    from resight.recipes.evaluation_set import EvaluationSet, Listener, report_json
    from resight.recipes.pages import write_evaluation_page
    from resight.recipes.schema import DataSection, EvaluateSection

    join_processes()
    embedder = load(model)
    manifest = read_source(data, format)
    section = EvaluateSection(
        cross_camera=cross_camera, flip=embedder.card.flip if flip is None else flip, batch_size=batch_size
    )
    test = EvaluationSet.of(manifest, section, DataSection(both_directions=both_directions))
    if test is None:
        raise DataError(f"{data} has neither query nor gallery rows; make a split with: resight data split {data}")
    with progress_bar("embedding") as on_embed:
        query, gallery = test.embed(embedder, Listener(on_embed=on_embed))
    if not is_first_process():
        return
    report = test.report(query, gallery)
    if json:
        print_json(report_json(report, test, (query, gallery)))
    else:
        for name, part in test.reports_by_dataset(query, gallery).items():
            out.print(f"{name}: {part.summary()}")
        out.print(report.summary())
    if page is not None:
        write_evaluation_page(page, name=model, embedder=embedder, test=test, report=report, vectors=(query, gallery))
        note(f"page: {page}")
