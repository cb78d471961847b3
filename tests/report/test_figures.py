from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from resight.errors import DataError
from resight.report import rank_list_figure

GREEN, RED = (20, 128, 74), (198, 47, 40)


def lists_of(run):
    return [run.figures.rank_list(i, 0.5) for i in range(4)]


def num_pixels(path, color):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return int((np.asarray(image) == color).all(-1).sum())


def size(path):
    with Image.open(path) as image:
        return image.size


def test_right_is_green_and_wrong_is_red_and_dashed(tmp_path, make_run):
    found = lists_of(make_run())[0]
    right = rank_list_figure(with_match(found, True), tmp_path / "folder" / "right.png")
    wrong = rank_list_figure(with_match(found, False), tmp_path / "folder" / "wrong.png")
    assert num_pixels(right, RED) == num_pixels(wrong, GREEN) == 0
    assert 0 < num_pixels(wrong, RED) < 0.8 * num_pixels(right, GREEN)


def with_match(found, match):
    return replace(found, hits=[replace(hit, match=match) for hit in found.hits])


def test_size_grows_with_lists_and_hits(tmp_path, make_run):
    lists = lists_of(make_run())
    one = size(rank_list_figure(lists[0], tmp_path / "a.png", k=2, image_size=(64, 32)))
    many = size(rank_list_figure(lists, tmp_path / "b.png", k=5, image_size=(64, 32)))
    assert many[0] > one[0]
    assert many[1] > 3 * one[1]


def test_errors(tmp_path, make_run, people):
    with pytest.raises(DataError, match="at least one rank list"):
        rank_list_figure([], tmp_path / "a.png")
    found = lists_of(make_run())[0]
    people[1].image_path(0).unlink()
    with pytest.raises(DataError, match=r"0_0_0\.png"):
        rank_list_figure(found, tmp_path / "a.png")
