import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.recipes.calibration import validation_rows


def rows(*values: tuple[str | None, str | None]) -> Manifest:
    """(identity, split) of each row."""
    columns = {
        "image": [f"{i}.jpg" for i in range(len(values))],
        "pid": [pid for pid, _ in values],
        "split": [split for _, split in values],
    }
    return Manifest.from_columns(columns, root="/set")


MIXED = rows(
    ("1", "train"), ("1", "query"), ("1", "gallery"), ("2", "query"), ("2", "gallery"), (None, "gallery"), ("3", None)
)  # fmt: skip


def test_identities_of_the_training_are_left_out() -> None:
    kept, left_out = validation_rows(MIXED)
    assert kept.column("image").tolist() == ["3.jpg", "4.jpg", "5.jpg"]
    assert left_out == 2


def test_unless_they_are_asked_for_and_train_rows_never_take_part() -> None:
    kept, left_out = validation_rows(MIXED, train_identities=True)
    assert kept.column("image").tolist() == [f"{i}.jpg" for i in range(1, 6)]
    assert left_out == 0


def test_nothing_left() -> None:
    with pytest.raises(DataError, match=r"of 1 query and 1 gallery rows none is left .*--train-identities"):
        validation_rows(MIXED.select(np.array([0, 1, 2])))


@pytest.mark.parametrize("chosen", [[0], [0, 1], [0, 2], [6]])
def test_no_query_or_no_gallery_rows(chosen: list[int]) -> None:
    with pytest.raises(DataError, match="learns from query and gallery rows, and the data has none"):
        validation_rows(MIXED.select(chosen), train_identities=True)
