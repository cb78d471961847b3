import math

import numpy as np
import pyarrow as pa
import pytest

from resight.data.columns import ENCODED_TEXT, conform, conform_column
from resight.errors import DataError


def column(name: str, values: object) -> list[object]:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return conform_column(name, pa.chunked_array([array])).to_pylist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([2, 10, None]), ["2", "10", None]),
        (pa.array([2.0, math.nan, None]), ["2", None, None]),
        (pa.array(["0002", "", None]), ["0002", None, None]),
        (pa.array(["a", ""]).dictionary_encode(), ["a", None]),
        (pa.array([7, 7]).dictionary_encode(), ["7", "7"]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None])), ["a", None]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_text_columns_become_encoded_text(values: pa.Array, expected: list[str | None]) -> None:
    result = conform_column("pid", pa.chunked_array([values]))
    assert result.type == ENCODED_TEXT
    assert result.to_pylist() == expected


def test_chunks_with_different_dictionaries_are_unified() -> None:
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", "c"]).dictionary_encode()]
    result = conform_column("camid", pa.chunked_array(chunks))
    assert result.num_chunks == 1
    assert result.to_pylist() == ["a", "b", "b", "c"]


@pytest.mark.parametrize(("name", "values"), [("pid", [1.5, 2.0]), ("pid", [b"a"]), ("camid", [[1]]), ("pid", [True])])
def test_text_columns_refuse_other_kinds(name: str, values: list[object]) -> None:
    with pytest.raises(DataError, match="expected text or whole numbers"):
        column(name, values)


def test_fractional_identity_names_the_row() -> None:
    with pytest.raises(DataError, match=r"1\.5 \(row 1\)"):
        column("pid", [1.0, 1.5])


@pytest.mark.parametrize("values", [["true", "FALSE", "1", "0", "", None], pa.array([1, 0, 1, 0, None, None])])
def test_junk_reads_words_and_numbers(values: object) -> None:
    assert column("junk", values) == [True, False, True, False, None, None]


def test_junk_refuses_other_words() -> None:
    with pytest.raises(DataError, match=r"'junk': expected true or false .* came 'yes' \(row 1\)"):
        column("junk", ["true", "yes"])
    with pytest.raises(DataError, match="expected true or false"):
        column("junk", [[1]])


def test_numbers_are_read_from_text() -> None:
    assert column("box_x", ["1", " 2.5 ", "+3", "-4e1", ".5", "nan", "", None]) == [
        1,
        2.5,
        3,
        -40,
        0.5,
        None,
        None,
        None,
    ]
    assert column("box_w", np.array([1, 2], dtype=np.int32)) == [1.0, 2.0]
    with pytest.raises(DataError, match=r"'box_x': expected a number, came '1,5' \(row 0\)"):
        column("box_x", ["1,5"])
    with pytest.raises(DataError, match="expected numbers, came bool"):
        column("box_x", [True])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5),
        ("1970-01-02", 86400.0),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("1970-01-01 00:00:10.25", 10.25),
        ("1970-01-01T00:00:10.123456789Z", 10.123456),
        ("1970-01-01T00:01", 60.0),
        ("1969-12-31T23:59:59Z", -1.0),
        ("", None),
    ],
)
def test_times_become_seconds(text: str, seconds: float | None) -> None:
    assert column("time", [text]) == [seconds]


def test_arrow_times_become_seconds() -> None:
    assert column("time", pa.array([1500], pa.timestamp("ms"))) == [1.5]
    assert column("time", pa.array([1500], pa.timestamp("ms", tz="Asia/Tokyo"))) == [1.5]
    assert column("time", pa.array([1], pa.date32())) == [86400.0]


@pytest.mark.parametrize(("text", "words"), [("noon", "expected seconds, or an ISO time"), ("2024-13-01", "calendar")])
def test_bad_times_are_refused(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        column("time", ["1", text])


def test_other_columns_are_kept_as_they_are() -> None:
    table = conform(pa.table({"image": ["a"], "plate": pa.array([7], pa.int16()), "tags": [["x", "y"]]}))
    assert table.schema.field("plate").type == pa.int16()
    assert table.column("tags").to_pylist() == [["x", "y"]]


def test_image_column_is_needed_and_names_are_distinct() -> None:
    with pytest.raises(DataError, match=r"needs a column 'image'.*columns found: path, pid"):
        conform(pa.table({"path": ["a"], "pid": ["1"]}))
    with pytest.raises(DataError, match="columns found: none"):
        conform(pa.table({}))
    with pytest.raises(DataError, match="'pid' came more than once"):
        conform(pa.table([["a"], ["1"], ["2"]], names=["image", "pid", "pid"]))
