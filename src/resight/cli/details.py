"""What explains an evaluation, as a few lines and tables."""

from typing import TYPE_CHECKING

from resight.cli.console import out, print_table

if TYPE_CHECKING:
    from resight.evaluation import CameraPairs, Groups, OpenSet, Report, Verification
    from resight.recipes.details import Details

_FEW = 10  # rows of a table that is printed whole


def print_details(found: "Details", report: "Report", *, camera_table: bool, fpr: float | None) -> None:
    """To stdout; one line for each kind of detail, and the tables that were asked for."""
    queries, identities = found.over_queries, found.over_identities
    out.print(
        f"mAP {queries.confidence:.0%} interval: {queries.low:.1%} to {queries.high:.1%} with other queries, "
        f"{identities.low:.1%} to {identities.high:.1%} with other identities"
    )
    if found.camera_pairs is not None:
        _print_cameras(found.camera_pairs, camera_table)
    if found.verification is not None:
        _print_verification(found.verification, fpr)
    if found.calibration is not None:
        test = found.calibration
        out.print(
            f"calibration of the model on these pairs: mean error {test.calibration_error:.1%}, log-loss "
            f"{test.log_loss:.3f} ({test.chance_log_loss:.3f} by chance)"
        )
    if found.open_set is not None:
        _print_open_set(found.open_set)
    if found.groups is not None:
        _print_groups(found.groups, report)


def _print_cameras(pairs: "CameraPairs", as_table: bool) -> None:
    worst = pairs.pairs()
    if not worst:
        return
    listed = ", ".join(
        f"{_name(pair.query_camera)} in {_name(pair.gallery_camera)} {pair.mean_ap:.1%}" for pair in worst[:3]
    )
    out.print(f"hardest camera pairs (query in gallery, mAP): {listed}; easiest {worst[-1].mean_ap:.1%}")
    if as_table:
        names = [_name(camera) for camera in pairs.cameras]
        rows = [
            [name, *(_percent(value) for value in values)]
            for name, values in zip(names, pairs.mean_ap.tolist(), strict=True)
        ]
        out.print("mAP of each pair of cameras:")
        print_table(["query \\ gallery", *names], rows)


def _print_verification(found: "Verification", fpr: float | None) -> None:
    points = [f"{point.tar:.1%} at {point.far:.4g}" for point in found.tar_at_far if point.far != fpr]
    out.print(
        f"same or not: AUC {found.auc:.4f}, TAR at FAR: {', '.join(points) or '-'} "
        f"({found.num_same:,} pairs of one identity, {found.num_different:,} of two)"
    )
    for point in found.tar_at_far:
        if point.far == fpr:
            right, wrong = point.tar * found.num_same, point.false_accepts * found.num_different
            precision = f"{right / (right + wrong):.1%}" if right + wrong else "-"
            out.print(
                f"threshold at FPR {point.far:g}: {found.metric.replace('_', ' ')} distance below {point.threshold:.6g}"
                f"; TPR {point.tar:.1%}, precision in this gallery {precision}"
            )


def _print_open_set(found: "OpenSet") -> None:
    for alarms, what in ((found.absent, "queries without match"), (found.removed, "their identity taken out")):
        if alarms is not None and alarms.points:
            points = ", ".join(f"{point.identified:.1%} at {point.false_alarm_rate:g}" for point in alarms.points)
            out.print(f"not in the gallery: found at a false alarm rate: {points} ({alarms.num_unknown:,} {what})")


def _print_groups(found: "Groups", report: "Report") -> None:
    groups = found.worst_first()
    skipped = len(found.groups) - len(groups)
    rows = []
    for group in groups[:_FEW]:
        interval = f"{group.interval.low:.1%} to {group.interval.high:.1%}" if group.interval else "-"
        rows.append([_name(group.value), group.num_valid, _percent(group.mean_ap), interval, _percent(group.rank_1)])
    out.print(f"by {found.column}, lowest mAP first (of all queries {report.mean_ap:.1%}):")
    print_table([found.column, "queries", "mAP", "95% interval", "Rank-1"], rows)
    if len(groups) > _FEW or skipped:
        without = f"; {skipped:,} have no query with a match" if skipped else ""
        out.print(f"{min(len(groups), _FEW)} of {len(found.groups):,} groups; --json has all{without}")


def _name(value: str | None) -> str:
    return "(unknown)" if value is None else value


def _percent(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.1%}"
