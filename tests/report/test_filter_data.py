import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resight.errors import DataError
from resight.report.filter_data import LEVELS, collect_filter_data


@pytest.fixture
def write(tmp_path):
    """Writes a file of scores in small groups of rows; image paths need not exist."""

    def make(scores, **columns):
        images = [f"{row % 4}/{row}.jpg" for row in range(len(scores))]
        table = pa.table({"image": images, "score": pa.array(scores, pa.float32(), from_pandas=True), **columns})
        pq.write_table(table, tmp_path / "scores.parquet", row_group_size=37)
        return tmp_path / "scores.parquet"

    return make


def names(images):
    return [int(image.path.stem) for image in images]


def test_highest_lowest_and_counts(write):
    scores = np.random.default_rng(0).normal(size=500).astype(np.float32)
    scores[7] = np.nan
    kept = np.nan_to_num(scores, nan=-9) > 0.5
    path = write(scores)
    data = collect_filter_data(path, scores, kept)
    order = np.argsort(np.where(np.isnan(scores), np.inf, scores), kind="stable")
    assert names(data.lowest) == order[:36].tolist()
    assert names(data.highest) == order[:499][::-1][:36].tolist()
    assert (data.total, data.unscored, data.kept) == (500, 1, kept.sum())
    assert data.cut == pytest.approx(scores[kept].min())
    assert sum(level.count for level in data.levels) == 499
    assert sum(level.kept for level in data.levels) == kept.sum()
    assert [one.count for one in data.folders] == [125] * 4
    assert data.highest[0].path == path.parent / str(order[498] % 4) / f"{order[498]}.jpg"


def test_samples_lie_in_their_level(write):
    scores = np.random.default_rng(1).normal(size=2000).astype(np.float32)
    kept = scores > 0
    data = collect_filter_data(write(scores), scores, kept)
    assert len(data.levels) == LEVELS
    for level, above in zip(data.levels, [*data.levels[1:], None], strict=True):
        inside = (scores >= level.low) & (scores < level.high if above else scores <= level.high)
        assert (level.count, level.kept) == (inside.sum(), (inside & kept).sum())
        assert len(level.samples) == min(level.count, 12)
        for image in level.samples:
            row = int(image.path.stem)
            assert inside[row]
            assert image.score == scores[row]
            assert image.is_kept == kept[row]
        assert above is None or level.high == above.low


def test_ties_go_to_the_lower_row_and_few_images_are_all_shown(write):
    scores = np.array([1.0, 2.0, 2.0, 1.0], dtype=np.float32)
    data = collect_filter_data(write(scores), scores, np.ones(4, dtype=bool))
    assert names(data.highest) == [1, 2, 0, 3]
    assert names(data.lowest) == [0, 3, 1, 2]


def test_one_value_and_a_single_outlier(write):
    scores = np.full(5, 0.25, dtype=np.float32)
    data = collect_filter_data(write(scores), scores, np.zeros(5, dtype=bool))
    assert data.cut is None
    assert sum(level.count for level in data.levels) == 5
    scores = np.linspace(0.9, 1.0, 5000).astype(np.float32)
    scores[0] = -1
    data = collect_filter_data(write(scores), scores, scores > 0.95)
    assert data.levels[0].low == -1
    assert data.levels[0].high == pytest.approx(0.9025, abs=5e-4)


def test_boxes_come_with_the_images(write):
    box = {"box_x": [None, 1.0], "box_y": [None, 2.0], "box_w": [None, 3.0], "box_h": [None, 4.0]}
    scores = np.array([0.0, 1.0], dtype=np.float32)
    data = collect_filter_data(write(scores, **box), scores, np.ones(2, dtype=bool))
    assert [image.box for image in data.highest] == [(1, 2, 3, 4), None]


def test_the_same_seed_draws_the_same(write):
    scores = np.random.default_rng(1).normal(size=3000).astype(np.float32)
    path, kept = write(scores), scores > 0
    first, again, other = (collect_filter_data(path, scores, kept, seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_the_score_is_the_one_that_is_given(write):
    values = np.array([3.0, np.nan, 5.0, 4.0], dtype=np.float32)
    data = collect_filter_data(write([0.0, 1.0, 2.0, 3.0]), values, values >= 4)
    assert names(data.highest) == [2, 3, 0]
    assert (data.cut, data.unscored) == (4, 1)


def test_folders_of_packed_images_are_those_before_and_a_column_of_the_user_is_none(write):
    scores = np.arange(4, dtype=np.float32)
    own = {"source": ["market/1", "duke/1", "market/2", "duke/2"]}
    rates = collect_filter_data(write(scores, **own), scores, scores > 2).folders
    assert [one.name for one in rates] == ["3", "0", "1", "2"], "of image"
    packed = pa.table({"image": [f"s/0.tar#{512 * row}+9/{row}.jpg" for row in range(4)], **own})
    path = write(scores)
    pq.write_table(packed, path)
    rates = collect_filter_data(path, scores, scores > 2).folders
    assert [(one.name, one.count) for one in rates] == [("duke", 2), ("market", 2)]


def test_what_does_not_fit(write, tmp_path):
    path, scores = write([0.0, None]), np.array([0, np.nan], dtype=np.float32)
    with pytest.raises(DataError, match="2 rows, but 3 are said to be kept or not, and 2 have"):
        collect_filter_data(path, scores, np.ones(3, dtype=bool))
    with pytest.raises(DataError, match="2 rows, but 2 are said to be kept or not, and 1 have"):
        collect_filter_data(path, scores[:1], np.ones(2, dtype=bool))
    with pytest.raises(DataError, match="not one image has a score"):
        collect_filter_data(path, np.full(2, np.nan, dtype=np.float32), np.ones(2, dtype=bool))
    (tmp_path / "text").write_text("no table")
    with pytest.raises(DataError, match="expected a Parquet file"):
        collect_filter_data(tmp_path / "text", scores, np.ones(2, dtype=bool))
