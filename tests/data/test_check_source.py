from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resight.data.check_source import read_to_check
from resight.errors import DataError


def test_rows_are_not_validated_and_bad_columns_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,split,box_x,box_x,time\na.jpg,test,1,2,soon\na.jpg,,3,4,\n")
    manifest, findings = read_to_check(tmp_path / "m.csv")
    assert manifest.table.column_names == ["image", "split", "box_x"]
    assert manifest.column("box_x").tolist() == [1.0, 3.0]
    assert manifest.root == tmp_path
    messages = [finding.message for finding in findings]
    assert len(messages) == 2
    assert "named 'box_x' comes after another" in messages[0]
    assert "column 'time': expected seconds" in messages[1]
    assert {(finding.check, finding.severity) for finding in findings} == {("structure", "error")}


def test_other_names_and_another_root(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,who\na.jpg,1\n")
    manifest, findings = read_to_check(tmp_path / "m.csv", columns={"image": "path", "pid": "who"}, root="/images")
    assert manifest.identities() == ["1"]
    assert manifest.image_path(0) == Path("/images/a.jpg")
    assert findings == []


def test_images_that_are_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [True]}), tmp_path / "m.parquet")
    with pytest.raises(DataError, match=r"m\.parquet: column 'image': expected text"):
        read_to_check(tmp_path / "m.parquet")
