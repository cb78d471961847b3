"""`resight evaluate`: a model and a manifest in, numbers out."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resight.cli.console import is_first_process, note, out, print_json, progress_bar

if TYPE_CHECKING:
    from resight.inference import EvaluationProtocol

Metric = Literal["squared_euclidean", "euclidean", "cosine"]


def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder, run folder or hub id.")],
    data: Annotated[Path, typer.Argument(help="Manifest with query and gallery rows, or a folder with --format.")],
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="Converter for a folder, such as market1501.")
    ] = None,
    metric: Annotated[Metric | None, typer.Option(help="Distance of two embeddings.")] = None,
    max_rank: Annotated[int | None, typer.Option(min=1, help="Ranks of the CMC that are kept.")] = None,
    cross_camera: Annotated[
        bool | None,
        typer.Option("--cross-camera/--any-camera", help="Leave out gallery rows of the query's own camera."),
    ] = None,
    both_directions: Annotated[
        bool | None,
        typer.Option("--both-directions/--one-direction", help="Also gallery against query; report the mean."),
    ] = None,
    flip: Annotated[bool | None, typer.Option("--flip/--no-flip", help="Average with the mirrored image.")] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode images.")] = 0,
    page: Annotated[Path | None, typer.Option(help="Write an HTML page with rank lists here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate a model: mAP, Rank-k and mINP on the query and gallery rows of a manifest.

    Example: resight evaluate runs/market1501_transreid market.parquet --page ranks.html

    Metric, ranks, cameras, directions and mirroring are those that the model was trained with, where no option says
    otherwise.

    Several GPUs: torchrun --nproc-per-node 4 -m resight.cli.main evaluate ...
    """
    from resight.errors import DataError
    from resight.inference import join_processes, load, unknown_names
    from resight.recipes.build import read_source
    from resight.recipes.evaluation_set import EvaluationSet, Listener, report_json, section_of
    from resight.recipes.pages import write_evaluation_page
    from resight.recipes.schema import DataSection

    join_processes()
    embedder = load(model)
    manifest = read_source(data, format)
    given: dict[str, Any] = {
        "metric": metric, "max_rank": max_rank, "cross_camera": cross_camera, "both_directions": both_directions
    }  # fmt: skip
    protocol = replace(embedder.card.protocol, **{name: value for name, value in given.items() if value is not None})
    flip = embedder.card.flip if flip is None else flip
    data_section = DataSection(both_directions=protocol.both_directions, workers=workers)
    test = EvaluationSet.of(manifest, section_of(protocol, flip=flip, batch_size=batch_size), data_section)
    if test is None:
        raise DataError(f"{data} has neither query nor gallery rows; make a split with: resight data split {data}")
    for line in unknown_names(test.rows(), embedder.card):
        note(line)
    with progress_bar("embedding") as on_embed:
        query, gallery = test.embed(embedder, Listener(on_embed=on_embed))
    if not is_first_process():
        return
    report = test.report(query, gallery)
    if json:
        print_json({**report_json(report, test, (query, gallery)), "protocol": {**asdict(protocol), "flip": flip}})
    else:
        for name, part in test.reports_by_dataset(query, gallery).items():
            out.print(f"{name}: {part.summary()}")
        out.print(report.summary())
        out.print(f"protocol: {_in_words(protocol, flip)}")
    if page is not None:
        write_evaluation_page(page, name=model, embedder=embedder, test=test, report=report, vectors=(query, gallery))
        note(f"page: {page}")


def _in_words(protocol: "EvaluationProtocol", flip: bool) -> str:
    return ", ".join(
        (
            protocol.metric.replace("_", " "),
            "across cameras" if protocol.cross_camera else "any camera",
            "both directions" if protocol.both_directions else "one direction",
            "mirrored too" if flip else "not mirrored",
            f"{protocol.max_rank} ranks",
        )
    )
