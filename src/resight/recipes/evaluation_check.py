"""What can be known about an evaluation before the training that it comes after."""

from collections.abc import Iterator

from resight.data.draws import gallery_masks
from resight.data.manifest import Manifest
from resight.data.validation import missing_files
from resight.errors import DataError, RecipeError
from resight.evaluation.protocol import matched_queries, matching
from resight.recipes.evaluation_set import EvaluationSet


def check_evaluation(test: EvaluationSet) -> None:
    """Looks whether all test images are there and a query has a match, without opening an image.

    Raises:
        RecipeError: if no query has a match in another camera, but some have one in their own.
        DataError: if an image is missing, a side has no rows, a query has no identity, or no query has a match at all.
    """
    rows = test.rows()
    problems = list(missing_files(rows.table, rows.root))
    if problems:
        raise DataError(f"query and gallery: {'; '.join(map(str, problems))} (rows count from 0, query rows first)")
    for query, gallery in _sides(test):
        if _can_be_evaluated(query, gallery, cross_camera=test.section.cross_camera):
            continue
        if test.section.cross_camera and _can_be_evaluated(query, gallery, cross_camera=False):
            raise RecipeError(
                f"none of the {len(query):,} queries has a match in another camera; where there is only one camera, "
                "use evaluate.cross_camera=false"
            )
        raise DataError(
            f"none of the {len(query):,} queries has a match among the gallery rows that count; expected the gallery "
            "to hold other images of the queries' identities"
        )


def _sides(test: EvaluationSet) -> Iterator[tuple[Manifest, Manifest]]:
    """Query and gallery of each evaluation that the test consists of."""
    rows = test.rows()
    masks = gallery_masks(rows)
    for mask in masks:
        yield rows.select(~mask), rows.select(mask)
    if not masks:
        yield test.query, test.gallery
        if test.both_directions:
            yield test.gallery, test.query


def _can_be_evaluated(query: Manifest, gallery: Manifest, *, cross_camera: bool) -> bool:
    return bool(matched_queries(matching(query, gallery, cross_camera=cross_camera)).any())
