"""`resight calibrate`: what the distances of a model mean, learned from labelled crops and kept in its card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resight.cli.console import is_first_process, note, out, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from resight.functional.calibration import Calibration, ThresholdRow


def calibrate(
    model: Annotated[str, typer.Argument(help="Model folder, run folder or hub id.")],
    data: Annotated[Path, typer.Argument(help="Manifest with query and gallery rows, or a folder with --format.")],
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="Converter for a folder, such as market1501.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Model folder to write.", show_default="the model itself")
    ] = None,
    prior: Annotated[float, typer.Option(help="Probability of 'same' before looking, a fraction.")] = 0.5,
    gallery_size: Annotated[
        int | None,
        typer.Option(min=2, help="Gallery rows, with one match, for the precision.", show_default="as in the data"),
    ] = None,
    threshold_at_fpr: Annotated[
        float | None, typer.Option(help="Also print the threshold for this false positive rate, a fraction.")
    ] = None,
    train_identities: Annotated[
        bool, typer.Option("--train-identities", help="Keep rows of identities that also have train rows.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode images.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Calibrate a model: from a distance to the probability that two crops show one identity, and to thresholds.

    Example: resight calibrate runs/market1501_transreid market.parquet --threshold-at-fpr 0.001

    It learns from all pairs of a query and a gallery row, as the model's protocol pairs them. Identities that also have
    train rows are left out: the model knows them, and parts them better than new ones. The result is kept in the
    model's card, and its test by identity is printed.
    """
    from resight.errors import DataError
    from resight.inference import join_processes, load, model_folder, unknown_names, write_card
    from resight.recipes.build import read_source
    from resight.recipes.calibration import calibrate_model, calibrated, validation_rows
    from resight.recipes.evaluation_set import Listener

    join_processes()
    folder = model_folder(model)
    if folder is None and output is None:
        raise DataError(f"there is no folder {model}; to calibrate a model of the hub, give a folder for it: --output")
    for name, value in (("--prior", prior), ("--threshold-at-fpr", threshold_at_fpr)):
        if value is not None and not 0 < value < 1:
            raise DataError(f"{name}: expected a fraction between 0 and 1, came {value:g}")
    rows, left_out = validation_rows(read_source(data, format), train_identities=train_identities)
    if left_out:
        note(f"left out: {left_out:,} query and gallery rows of identities that have train rows")
    embedder = load(model)
    for line in unknown_names(rows, embedder.card):
        note(line)
    with progress_bar("embedding") as on_embed:
        listener = Listener(on_embed=on_embed)
        found = calibrate_model(embedder, rows, prior=prior, batch_size=batch_size, workers=workers, listener=listener)
    if not is_first_process():
        return
    table = found.table(gallery_size=gallery_size or max(2, found.num_gallery))
    wanted = None if threshold_at_fpr is None else found.threshold_at_fpr(threshold_at_fpr)
    better = calibrated(embedder, found)
    if output is not None:
        better.save(output)
    elif folder is not None:
        write_card(folder, better.card)
    place = output or folder
    if json:
        asked = {} if wanted is None else {"threshold": {"fpr": threshold_at_fpr, "distance": wanted}}
        lines = [vars(row) for row in table]
        print_json({"calibration": found.to_json(), "table": lines, "left_out": left_out, "model": place, **asked})
        return
    _print(found, table, gallery_size or max(2, found.num_gallery))
    if wanted is not None:
        out.print(f"threshold at FPR {threshold_at_fpr:g}: {_metric(found)} below {wanted:.6g}")
    note(f"model: {place}")


def _print(found: "Calibration", table: "list[ThresholdRow]", gallery_size: int) -> None:
    cameras = "across cameras" if found.cross_camera else "any camera"
    out.print(
        f"learned from {found.num_same:,} pairs of one identity and {found.num_different:,} of two, "
        f"{found.num_identities:,} identities, {cameras}"
    )
    if found.held_out is None:
        note("too few identities to test it on some that it did not learn from")
    else:
        test = found.held_out
        out.print(
            f"test on other identities, prior {found.prior:g}: mean error {test.calibration_error:.1%}, log-loss "
            f"{test.log_loss:.3f} ({test.chance_log_loss:.3f} by chance)"
        )
    rows = [[f"{row.fpr:g}", f"{row.threshold:.6g}", f"{row.tpr:.1%}", f"{row.precision:.1%}"] for row in table]
    out.print(f"same if the {_metric(found)} is below the threshold; precision with 1 match in {gallery_size:,} rows:")
    print_table(["FPR", "threshold", "TPR", "precision"], rows)


def _metric(found: "Calibration") -> str:
    return f"{found.metric.replace('_', ' ')} distance"
