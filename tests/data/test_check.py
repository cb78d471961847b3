import json

import pytest

from resight.data import Manifest
from resight.data.check import check
from resight.data.finding import Finding


def found(manifest: Manifest, **options: object) -> dict[str, Finding]:
    findings = check(manifest, **options)
    by_name = {finding.check: finding for finding in findings}
    assert len(by_name) == len(findings)
    return by_name


def replaced(manifest: Manifest, column: str, values: dict[int, object]) -> Manifest:
    changed = manifest.column(column).astype(object)
    for row, value in values.items():
        changed[row] = value
    return manifest.with_column(column, changed.tolist())


def test_a_good_set_has_no_findings(tiny_manifest: Manifest) -> None:
    assert check(tiny_manifest, decode=True, duplicate_content=True) == []


def test_empty_manifest(tiny_manifest: Manifest) -> None:
    assert found(tiny_manifest.select([]), decode=True)["empty"].severity == "error"


def test_structure(tiny_manifest: Manifest) -> None:
    result = found(replaced(tiny_manifest, "split", {0: "test"}))["structure"]
    assert (result.severity, result.count, result.examples) == ("error", 1, ("row 0: 'test'",))
    assert str(result).startswith("error: 1 rows with a wrong 'split': expected train, query, gallery or empty; rename")


def test_missing_files(tiny_manifest: Manifest) -> None:
    tiny_manifest.image_path(3).unlink()
    for options in ({}, {"decode": True}, {"duplicate_content": True}):
        result = found(tiny_manifest, **options)["missing_file"]
        assert (result.severity, result.count, result.examples) == ("error", 1, ("0001_c2_1.png",))
        assert str(tiny_manifest.root) in result.message


def test_query_without_gallery(tiny_manifest: Manifest) -> None:
    result = found(tiny_manifest.select(tiny_manifest.column("split") != "gallery"))
    assert "query rows but no gallery rows" in result["half_a_test"].message
    result = found(tiny_manifest.select(tiny_manifest.column("split") != "query"))
    assert "gallery rows but no query rows" in result["half_a_test"].message


def test_identity_overlap(tiny_manifest: Manifest) -> None:
    result = found(replaced(tiny_manifest, "pid", {31: "0002", 30: "0001"}))["identity_overlap"]
    assert (result.severity, result.count, result.examples) == ("error", 2, ("0001", "0002"))


def test_identity_minus_one(tiny_manifest: Manifest) -> None:
    manifest = replaced(tiny_manifest, "pid", {0: "-1", 1: "-1", 2: "-10"})
    result = found(replaced(manifest, "junk", {1: True}))["pid_minus_one"]
    assert (result.severity, result.count, result.examples) == ("warning", 1, ("0001_c1_0.png",))
    assert "column 'junk' to true" in result.message
    assert "leave pid empty" in result.message


def test_a_row_without_path_is_no_missing_file(tiny_manifest: Manifest) -> None:
    manifest = replaced(tiny_manifest, "image", {4: None})
    for options in ({"decode": True}, {"duplicate_content": True}, {}):
        assert set(found(manifest, **options)) == {"structure"}


def test_query_without_identity(tiny_manifest: Manifest) -> None:
    assert found(replaced(tiny_manifest, "pid", {16: None}))["query_without_identity"].examples == ("0005_c1_0.png",)


def test_query_without_match_in_another_camera(tiny_manifest: Manifest) -> None:
    assert tiny_manifest.column("image")[19] == "0005_c2_1.png"
    lonely = tiny_manifest.select([row for row in range(32) if row != 19])  # 0005 keeps gallery rows of camera 1 only
    result = found(lonely)["query_without_match"]
    assert (result.severity, result.count, result.examples) == ("warning", 1, ("0005_c1_0.png",))
    # A gallery row without camera is a match, and so is every row for a query without camera.
    assert "query_without_match" not in found(replaced(lonely, "camid", {17: None}))
    assert "query_without_match" not in found(replaced(lonely, "camid", {16: None}))


def test_all_queries_without_match_are_an_error(tiny_manifest: Manifest) -> None:
    result = found(tiny_manifest.with_column("camid", ["1"] * 32))["query_without_match"]
    assert (result.severity, result.count) == ("error", 8)


def test_single_image_identities(tiny_manifest: Manifest) -> None:
    result = found(tiny_manifest.select([0, *range(4, 32)]))["single_image_identity"]
    assert (result.severity, result.count, result.examples) == ("warning", 1, ("0001",))


def test_unseen_cameras(tiny_manifest: Manifest) -> None:
    result = found(replaced(tiny_manifest, "camid", {17: "3"}))["unseen_camera"]
    assert (result.severity, result.count, result.examples) == ("warning", 1, ("3",))


def test_camera_numbers_without_a_gap(tiny_manifest: Manifest) -> None:
    def gaps(first: str, second: str) -> tuple[str, ...]:
        cameras = [first if camera == "1" else second for camera in tiny_manifest.column("camid")]
        result = found(tiny_manifest.with_column("camid", cameras))
        return result["camera_gap"].examples if "camera_gap" in result else ()

    assert gaps("1", "3") == gaps("01", "03") == ("2",)
    assert gaps("0", "1") == gaps("7", "9") == gaps("1", "north") == gaps("1", "2019") == ()


def test_some_rows_without_camera(tiny_manifest: Manifest) -> None:
    result = found(replaced(tiny_manifest, "camid", {0: None, 3: None}))["camera_unknown"]
    assert (result.severity, result.count, result.examples) == ("warning", 2, ("0001_c1_0.png", "0001_c2_1.png"))
    assert "of 16 train rows" in result.message
    assert "camera_unknown" not in found(tiny_manifest.with_column("camid", [None] * 32))


def test_junk_rows_are_left_out(tiny_manifest: Manifest) -> None:
    overlap = replaced(tiny_manifest, "pid", {30: "0001"})
    assert "identity_overlap" in found(overlap)
    assert found(replaced(overlap, "junk", {30: True})) == {}


def test_errors_come_first_and_read_well(tiny_manifest: Manifest) -> None:
    bad = replaced(replaced(tiny_manifest, "camid", {17: "3"}), "pid", {31: "0001"})
    bad.image_path(0).unlink()
    findings = check(bad)
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities)
    assert any(str(finding).startswith("error: 1 images are no file on disk") for finding in findings)
    assert json.loads(json.dumps([finding.to_json() for finding in findings]))[0]["severity"] == "error"


@pytest.mark.parametrize("options", [{}, {"decode": True}])
def test_progress_reaches_the_end(tiny_manifest: Manifest, options: dict[str, bool]) -> None:
    calls: list[tuple[int, int]] = []
    check(tiny_manifest, progress=lambda done, total: calls.append((done, total)), **options)
    assert calls[-1] == (32, 32)
    assert calls == sorted(calls)
