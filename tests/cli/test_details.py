from dataclasses import replace

import pytest

from resight.cli.details import print_details
from resight.evaluation import calibrate
from resight.recipes.details import details
from tests.recipes.test_details import made


def test_every_line_says_what_its_numbers_are(capsys: pytest.CaptureFixture[str]) -> None:
    test, vectors = made(60)
    calibration = calibrate(vectors[0], test.query, vectors[1], test.gallery)
    report = test.report(*vectors)
    test = replace(test, query=test.query.with_column("row", [f"r{i % 15}" for i in range(len(test.query))]))
    found = details(test, vectors, report, by="row", fars=[0.002], calibration=calibration)
    print_details(found, report, camera_table=True, fpr=0.002)
    lines = capsys.readouterr().out.splitlines()
    queries, pairs, open_set = found.over_queries, found.verification, found.open_set
    assert pairs is not None
    assert open_set is not None
    assert f"{queries.low:.1%} to {queries.high:.1%} with other queries" in lines[0]
    assert lines[1].startswith("hardest camera pairs (query in gallery, mAP): ")
    assert lines[3].split() == ["query", "\\", "gallery", "0", "1"]
    assert lines[4].split()[:2] == ["0", "-"], "across cameras the diagonal is empty"
    points = {point.far: point for point in pairs.tar_at_far}
    assert f"{points[0.01].tar:.1%} at 0.01, {points[0.1].tar:.1%} at 0.1" in lines[6]
    right, wrong = (
        count * share for count, share in (
            (pairs.num_same, points[0.002].tar), (pairs.num_different, points[0.002].false_accepts)
        )
    )  # fmt: skip
    assert lines[7].startswith("threshold at FPR 0.002: squared euclidean distance below ")
    assert lines[7].endswith(f"precision in this gallery {right / (right + wrong):.1%}")
    assert lines[8].startswith("calibration of the model on these pairs: mean error ")
    assert f"{open_set.removed.points[0].identified:.1%} at 0.01" in lines[9]
    assert lines[9].endswith(f"({open_set.removed.num_unknown:,} their identity taken out)")
    assert lines[10].startswith("by row, lowest mAP first (of all queries ")
    assert lines[-1] == "10 of 15 groups; --json has all"
    assert len(lines) == 23
