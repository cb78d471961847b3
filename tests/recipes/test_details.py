import json

import numpy as np
import pytest

from resight.data.draws import draw_galleries
from resight.errors import DataError
from resight.evaluation import calibrate
from resight.recipes.details import details, first_sides, image_numbers
from resight.recipes.evaluation_set import EvaluationSet
from resight.recipes.schema import DataSection, EvaluateSection
from tests.evaluation.drawn import clustered

Vectors = tuple[np.ndarray, np.ndarray]


def made(
    num_identities: int = 20, *, both: bool = False, section: EvaluateSection | None = None, seed: int = 0
) -> tuple[EvaluationSet, Vectors]:
    """Every third image is a query."""
    vectors, rows = clustered(num_identities, seed=seed)
    is_query = np.arange(len(rows)) % 3 == 0
    rows = rows.with_column("camid", [str(i % 2) for i in range(len(rows))])
    rows = rows.with_column("split", np.where(is_query, "query", "gallery").astype(object))
    test = EvaluationSet.of(rows, section or EvaluateSection(), DataSection(both_directions=both))
    assert test is not None
    return test, (vectors[is_query], vectors[~is_query])


def test_all_parts_and_their_json() -> None:
    test, vectors = made()
    report = test.report(*vectors)
    test = EvaluationSet(
        test.query.with_column("hat", ["yes", "no"] * 20), test.gallery, test.section, test.both_directions
    )
    found = details(test, vectors, report, by="hat", fars=[0.02])
    assert found.over_queries.value == pytest.approx(report.mean_ap)
    assert found.over_queries.low < report.mean_ap < found.over_queries.high
    assert (found.over_queries.num_units, found.over_identities.num_units) == (report.num_valid, 20)
    assert found.camera_pairs is not None
    assert found.camera_pairs.cameras == ("0", "1")
    assert found.groups is not None
    assert [group.num_queries for group in found.groups.groups] == [20, 20]
    assert found.verification is not None
    assert 0.02 in [point.far for point in found.verification.tar_at_far]
    assert found.open_set is not None
    assert found.calibration is None
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(values) == {"mean_ap_interval", "camera_pairs", "groups", "verification", "open_set", "calibration"}


def test_both_directions_weigh_the_same() -> None:
    test, vectors = made(both=True)
    report = test.report(*vectors)
    found = details(test, vectors, report, by="camid")
    assert found.over_queries.value == pytest.approx(report.mean_ap)
    assert found.over_queries.num_units == report.num_valid
    assert found.groups is not None
    assert sum(group.num_queries for group in found.groups.groups) == report.num_query


def test_queries_of_the_same_images_are_drawn_again_as_one() -> None:
    test, single = made()
    query = test.query.with_column("camid", ["0"] * 40)
    test = EvaluationSet(query, test.gallery, test.section, test.both_directions)
    assert image_numbers(test).tolist() == list(range(40))
    people = query.column("pid").tolist()
    assert image_numbers(test, multi_query=True).tolist() == [people.index(one) for one in people]
    vectors = test.merge_queries(*single), single[1]
    report = test.report(*vectors)
    found = details(test, vectors, report, multi_query=True)
    assert found.over_queries.num_units == 20
    assert found.over_queries.value == pytest.approx(report.mean_ap)
    alone = details(test, vectors, report)
    width, too_sure = (one.over_queries.high - one.over_queries.low for one in (found, alone))
    assert width > too_sure


def test_queries_without_camera_are_on_their_own() -> None:
    test, _ = made()
    query = test.query.with_column("camid", [None] * 39 + ["0"])
    test = EvaluationSet(query, test.gallery, test.section, test.both_directions)
    assert image_numbers(test, multi_query=True).tolist() == list(range(40))


def test_images_of_several_draws_are_drawn_again_as_one() -> None:
    vectors, rows = clustered(10, seed=1)
    draws = draw_galleries(rows.column("pid").tolist(), draws=3, seed=0)
    in_first = draws & 1 == 1
    rows = rows.with_column("camid", np.full(len(rows), None))
    rows = rows.with_column("split", np.where(in_first, "gallery", "query").astype(object))
    rows = rows.with_column("gallery_draws", draws)
    test = EvaluationSet.of(rows, EvaluateSection(), DataSection())
    assert test is not None
    parts = (vectors[~in_first], vectors[in_first])
    report = test.report(*parts)
    found = details(test, parts, report)
    assert report.num_query == 3 * 50
    assert found.over_queries.value == pytest.approx(report.mean_ap)
    assert 50 < found.over_queries.num_units <= 60
    assert found.camera_pairs is None
    query_vectors, query, gallery_vectors, gallery = first_sides(test, parts)
    np.testing.assert_array_equal(gallery_vectors, vectors[in_first])
    assert gallery.column("image").tolist() == rows.column("image")[in_first].tolist()
    assert (len(query), len(query_vectors)) == (50, 50)


def test_the_calibration_of_the_model_is_checked_where_the_metric_is_its_own() -> None:
    other, other_vectors = made(60, seed=2)
    learned = calibrate(other_vectors[0], other.query, other_vectors[1], other.gallery)
    test, vectors = made(60)
    report = test.report(*vectors)
    check = details(test, vectors, report, calibration=learned).calibration
    assert check is not None
    assert check.calibration_error < 0.1
    cosine, vectors = made(60, section=EvaluateSection(metric="cosine"))
    assert details(cosine, vectors, report, calibration=learned).calibration is None


def test_what_the_rows_cannot_tell_is_left_out() -> None:
    test, vectors = made(1)
    found = details(test, vectors, test.report(*vectors))
    assert found.verification is None
    assert found.open_set is None
    assert found.over_identities.num_units == 1
    json.dumps(found.to_json(), allow_nan=False)
    with pytest.raises(DataError, match="show one identity"):
        details(test, vectors, test.report(*vectors), fars=[0.1])


def test_errors() -> None:
    test, vectors = made()
    report = test.report(*vectors)
    with pytest.raises(DataError, match="there is no column 'hat'"):
        details(test, vectors, report, by="hat")
    with pytest.raises(DataError, match=r"rate of 1e-05 cannot be measured on .* ask for 0\.000\d+ or more"):
        details(test, vectors, report, fars=[1e-5])
    with pytest.raises(DataError, match="between 0 and 1"):
        details(test, vectors, report, fars=[1.5])
