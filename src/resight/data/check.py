"""A look over a whole data set: what would break a run (errors) and what would spoil its numbers (warnings).

One small function for each check, manifest -> findings; a new check is a new function and one entry in `TABLE_CHECKS`
(no image is opened) or in `resight.data.image_checks.IMAGE_CHECKS` (what decoding told about each image).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from resight.data.columns import SPLITS
from resight.data.finding import Finding, Severity, examples
from resight.data.image_checks import inspect_images
from resight.data.manifest import Manifest, sort_naturally
from resight.data.validation import Progress, is_missing

Codes: TypeAlias = npt.NDArray[np.int64]


def check(
    manifest: Manifest,
    *,
    decode: bool = False,
    duplicate_content: bool = False,
    min_side: int = 16,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Everything that is wrong or doubtful in the manifest and its images; empty if all is well. Errors come first.

    Args:
        manifest: need not be valid; what it breaks becomes findings.
        decode: also decode every image: broken files, boxes outside the image, crops that are too small.
        duplicate_content: also read every file and compare: same content under different names.
        min_side: crops with a side below this, in pixels, are named as tiny. Only with `decode`.
        workers: threads that read images; one for each processor if None.
        progress: called with (distinct images looked at, their number).
    """
    findings = [finding for look in TABLE_CHECKS for finding in look(manifest)]
    if decode or duplicate_content:
        findings += inspect_images(
            manifest,
            decode=decode,
            duplicate_content=duplicate_content,
            min_side=min_side,
            workers=workers,
            progress=progress,
        )
    else:
        findings += _missing_files(manifest, progress)
    return errors_first(findings)


def errors_first(findings: Iterable[Finding]) -> list[Finding]:
    """The errors, then the warnings, each in the order given."""
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _empty(manifest: Manifest) -> Iterator[Finding]:
    if len(manifest) == 0:
        yield Finding("empty", "error", "rows: the manifest is empty", 0, ())


def _structure(manifest: Manifest) -> Iterator[Finding]:
    for problem in manifest.validate():
        shown = tuple(f"row {row}: {value!r}" for row, value in zip(problem.rows, problem.values, strict=True))
        message = f"rows with a wrong {problem.column!r}: expected {problem.expected}; {problem.advice}"
        yield Finding("structure", "error", message, problem.count, shown)


def _half_a_test(manifest: Manifest) -> Iterator[Finding]:
    query, gallery = (len(_part(manifest, name)) for name in ("query", "gallery"))
    if bool(query) != bool(gallery):
        have, lack = ("query", "gallery") if query else ("gallery", "query")
        yield Finding("half_a_test", "error", f"{have} rows but no {lack} rows", query or gallery, ())


def _identity_overlap(manifest: Manifest) -> Iterator[Finding]:
    train = set(_part(manifest, "train").identities())
    shared = train & {pid for name in ("query", "gallery") for pid in _part(manifest, name).identities()}
    if shared:
        message = "identities stand in train and in query or gallery; the test would measure memory"
        yield Finding("identity_overlap", "error", message, len(shared), tuple(sort_naturally(shared)[:5]))


def _minus_one(manifest: Manifest) -> Iterator[Finding]:
    """The toolkits torchreid and fast-reid leave out rows of identity -1; our converters make them junk."""
    bad = (manifest.codes("pid", ["-1"]) == 0) & ~manifest.column("junk")
    if bad.any():
        message = (
            "rows have pid -1, which is an identity like any other here; where it means junk, as in torchreid and "
            "fast-reid, set the column 'junk' to true in these rows and leave pid empty, else rename the identity"
        )
        yield Finding("pid_minus_one", "warning", message, int(bad.sum()), examples(manifest, bad))


def _query_without_identity(manifest: Manifest) -> Iterator[Finding]:
    query = _part(manifest, "query")
    bad = query.codes("pid", query.identities()) < 0
    if bad.any():
        message = "query rows have no identity, so nothing can be a match; name it or move them to the gallery"
        yield Finding("query_without_identity", "error", message, int(bad.sum()), examples(query, bad))


def _query_without_match(manifest: Manifest) -> Iterator[Finding]:
    """A match has the same identity and another camera; an unknown camera, on either side, counts as another."""
    query, gallery = _part(manifest, "query"), _part(manifest, "gallery")
    if not len(query) or not len(gallery):
        return
    identities, cameras = query.identities(), query.cameras()
    width = len(cameras) + 1  # the first column counts cameras that are unknown or no query's

    def places(part: Manifest) -> tuple[Codes, Codes]:
        return part.codes("pid", identities), part.codes("camid", cameras) + 1

    pid, camera = places(gallery)
    counts = np.bincount((pid * width + camera)[pid >= 0], minlength=len(identities) * width)
    table = counts.reshape(len(identities), width)
    pid, camera = places(query)
    own = np.where(camera > 0, table[pid, camera], 0)
    bad = (pid >= 0) & (table.sum(axis=1)[pid] - own == 0)
    if bad.any():
        severity: Severity = "error" if bad.sum() == (pid >= 0).sum() else "warning"
        message = f"of {len(query):,} queries have no match in another camera; an evaluation skips them"
        yield Finding("query_without_match", severity, message, int(bad.sum()), examples(query, bad))


def _single_image_identities(manifest: Manifest) -> Iterator[Finding]:
    train = _part(manifest, "train")
    identities = train.identities()
    codes = train.codes("pid", identities)
    single = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(identities)) == 1)
    if len(single):
        message = "identities have a single image in train; it has no positive, so a PK batch repeats it"
        shown = tuple(identities[code] for code in single[:5])
        yield Finding("single_image_identity", "warning", message, len(single), shown)


def _unseen_cameras(manifest: Manifest) -> Iterator[Finding]:
    train = set(_part(manifest, "train").cameras())
    test = {camera for name in ("query", "gallery") for camera in _part(manifest, name).cameras()}
    unseen = sort_naturally(test - train)
    if train and unseen:
        message = "cameras stand in query or gallery but never in train; a model has learnt nothing for them"
        yield Finding("unseen_camera", "warning", message, len(unseen), tuple(unseen[:5]))


def _camera_gaps(manifest: Manifest) -> Iterator[Finding]:
    """Cameras that are counted from 0 or 1 are expected to be counted without a gap."""
    cameras = manifest.cameras()
    numbers = {int(camera) for camera in cameras if camera.isascii() and camera.isdigit()}
    if not numbers or len(numbers) < len(cameras) or min(numbers) > 1:
        return
    absent = sorted(set(range(min(numbers), max(numbers))) - numbers)
    if 0 < len(absent) < len(numbers):
        message = "numbers are missing between the first and the last camera; is the copy complete?"
        yield Finding("camera_gap", "warning", message, len(absent), tuple(map(str, absent[:5])))


def _some_cameras_unknown(manifest: Manifest) -> Iterator[Finding]:
    for split in SPLITS:
        part = _part(manifest, split)
        unknown = part.codes("camid", part.cameras()) < 0
        if 0 < unknown.sum() < len(part):
            message = f"of {len(part):,} {split} rows have no camera although others have one; it counts as another one"
            yield Finding("camera_unknown", "warning", message, int(unknown.sum()), examples(part, unknown))


def _missing_files(manifest: Manifest, progress: Progress | None) -> Iterator[Finding]:
    missing = is_missing(manifest.table, manifest.root, progress)
    if missing.any():
        message = f"images are no file on disk; relative ones are looked for in {manifest.root}"
        yield Finding("missing_file", "error", message, int(missing.sum()), examples(manifest, missing))


def _part(manifest: Manifest, split: str) -> Manifest:
    """Rows of the split that are not junk; may be empty."""
    return manifest.select((manifest.codes("split", [split]) == 0) & ~manifest.column("junk"))


TABLE_CHECKS: tuple[Callable[[Manifest], Iterator[Finding]], ...] = (
    _empty,
    _structure,
    _half_a_test,
    _identity_overlap,
    _minus_one,
    _query_without_identity,
    _query_without_match,
    _single_image_identities,
    _unseen_cameras,
    _camera_gaps,
    _some_cameras_unknown,
)
