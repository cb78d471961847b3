from dataclasses import replace

import numpy as np
import pytest

from resight.errors import DataError
from resight.evaluation import evaluate, rank_lists
from resight.report import FigureData, collect, collect_figures


def as_numpy(people):
    query_vectors, query, gallery_vectors, gallery = people
    return query_vectors.numpy(), query, gallery_vectors.numpy(), gallery


def test_the_lists_are_those_of_the_evaluation(people):
    sides = as_numpy(people)
    report = evaluate(*sides)
    data = collect_figures(report, *sides)
    assert (data.num_query, data.num_drawn, data.attention, list(data.attention_crop)) == (4, 4, None, [])
    for i, expected in enumerate(rank_lists(*sides, rows=range(4))):
        found = data.rank_list(i, report.average_precision[i])
        assert found.query == expected.query
        assert found.row == expected.row == i
        assert found.average_precision == expected.average_precision
        assert [replace(hit, row=-1) for hit in expected.hits] == found.hits


def test_every_part_is_there(make_run, people):
    figures = make_run().figures
    assert figures.precision_recall.precision[0] <= 1
    assert figures.camera_pairs.cameras == ("0", "1")
    assert figures.verification.num_same == 4 * 2  # of each query the two images in the other camera
    assert len(figures.embedding_map.crop) == 16
    assert figures.embedding_map.is_query.sum() == 4
    assert {figures.crops[crop].path for crop in figures.embedding_map.crop} == {
        side.image_path(row) for side in (people[1], people[3]) for row in range(len(side))
    }
    assert len(figures.attention.rollout) == len(figures.attention_crop)
    assert {figures.crops[crop].path for crop in figures.attention_crop} <= {
        people[1].image_path(row) for row in range(4)
    }


def test_large_tests_are_sampled_and_all_runs_draw_the_same(people, make_run, monkeypatch):
    monkeypatch.setattr(collect, "MAX_QUERIES", 3)
    monkeypatch.setattr(collect, "MAP_IDENTITIES", 2)
    monkeypatch.setattr(collect, "MAP_IMAGES", 3)
    one, other = make_run().figures, make_run(noise=0.5).figures
    assert (one.num_query, one.num_drawn, len(one.lists.row)) == (4, 3, 3)
    assert one.lists.row.tolist() == other.lists.row.tolist() == sorted(one.lists.row.tolist())
    assert len(one.embedding_map.crop) == 6
    names = [[figures.crops[crop].path.name for crop in figures.embedding_map.crop] for figures in (one, other)]
    assert names[0] == names[1]
    assert len({name[0] for name in names[0]}) == 2
    assert one.test == other.test
    assert one.verification.num_same == 3 * 2


def test_the_digest_is_of_the_rows(people):
    _, query, _, gallery = people
    digest = collect.test_digest(query, gallery, cross_camera=True)
    assert digest != collect.test_digest(query, gallery, cross_camera=False)
    assert digest != collect.test_digest(query.with_column("camid", list("5678")), gallery, cross_camera=True)
    assert digest == collect.test_digest(query, gallery, cross_camera=True)
    assert digest != collect.test_digest(query, gallery.select(range(len(gallery) - 1)), cross_camera=True)
    assert digest != collect.test_digest(query.with_column("pid", list("abcd")), gallery, cross_camera=True)
    assert digest != collect.test_digest(gallery, query, cross_camera=True)


def test_one_camera_and_one_identity(people):
    query_vectors, query, gallery_vectors, gallery = as_numpy(people)
    one, others = query.column("pid") == "id1", gallery.column("pid") == "id1"
    sides = (query_vectors[one], query.select(one), gallery_vectors[others], gallery.select(others))
    data = collect_figures(evaluate(*sides), *sides)
    assert data.verification is None
    alone = [side.with_column("camid", ["7"] * len(side)) for side in (query, gallery)]
    sides = (query_vectors, alone[0], gallery_vectors, alone[1])
    data = collect_figures(evaluate(*sides, cross_camera=False), *sides, cross_camera=False)
    assert data.camera_pairs is None


def test_back_from_the_file(make_run, tmp_path):
    data = make_run().figures
    data.write(tmp_path / "a" / "figures.json")
    again = FigureData.read(tmp_path / "a" / "figures.json")
    assert again.to_json() == data.to_json()
    assert list(again.crops) == list(data.crops)
    assert again.lists.distance == pytest.approx(data.lists.distance, rel=1e-4, nan_ok=True)
    assert (again.lists.match == data.lists.match).all()
    assert again.embedding_map.points["PCA"] == pytest.approx(data.embedding_map.points["PCA"], abs=1e-4)
    assert again.rank_list(2, 0.5).hits[0].path == data.rank_list(2, 0.5).hits[0].path


def test_boxes_and_unknown_names_survive(make_run):
    data = make_run().figures
    crops = [replace(data.crops[0], box=(1.0, 2.0, 3.5, 4.0), pid=None), *data.crops[1:]]
    again = FigureData.from_json(replace(data, crops=crops).to_json())
    assert list(again.crops) == crops


@pytest.mark.parametrize("text", ["{", "[]", '{"test": "x"}', "{}"])
def test_a_file_that_is_none(tmp_path, text):
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"figures\.json cannot be read: .*resight evaluate"):
        FigureData.read(path)


def test_vectors_are_not_changed(people):
    sides = as_numpy(people)
    before = [np.copy(side) for side in (sides[0], sides[2])]
    collect_figures(evaluate(*sides), *sides)
    assert (before[0] == sides[0]).all()
    assert (before[1] == sides[2]).all()


def test_what_is_known_of_all_queries_is_taken_where_all_are_shown(people, monkeypatch):
    query_vectors, query, gallery_vectors, gallery = people
    sides = (query_vectors.numpy(), query, gallery_vectors.numpy(), gallery)
    alone = collect_figures(evaluate(*sides), *sides)
    whole = (alone.camera_pairs, alone.verification)
    given = collect_figures(evaluate(*sides), *sides, whole=whole)
    assert (given.camera_pairs, given.verification) == whole
    monkeypatch.setattr(collect, "MAX_QUERIES", 3)
    sampled = collect_figures(evaluate(*sides), *sides, whole=whole)
    assert sampled.verification.num_same < alone.verification.num_same
