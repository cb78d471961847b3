import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from resight.errors import MissingExtraError
from resight.report.drawings import write_figures

OF_ALL = {"loss", "accuracy", "mean_ap", "lr", "cmc", "precision_recall", "roc"}
OF_ONE = {
    *("distances", "camera_pairs", "embedding_map_pca", "attention_rollout", "attention_last"),
    *("rank_lists_worst", "rank_lists_random", "rank_lists_best"),
}


def test_every_figure_as_png_and_svg(tmp_path, make_run):
    paths = write_figures(tmp_path / "figures", [make_run()])
    assert {path.name for path in paths} == {f"{name}.{kind}" for name in OF_ALL | OF_ONE for kind in ("png", "svg")}
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(path.name for path in paths)
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("L"))
                assert min(image.size) > 150
            assert (pixels < 200).mean() > 0.002
        else:
            assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_figures_say_what_they_show(tmp_path, make_run):
    write_figures(tmp_path, [make_run()])

    def texts(name):
        return re.findall(r"<!-- (.*?) -->", (tmp_path / f"{name}.svg").read_text(encoding="utf-8"), re.DOTALL)

    assert {"squared euclidean distance", "share of the pairs of a kind"} <= set(texts("distances"))
    assert {"k", "match within the first k", "1", "5"} <= set(texts("cmc"))
    lists = texts("rank_lists_worst")
    assert {"query", "1", "2"} <= set(lists)
    assert any(text.startswith("camera ") for text in lists)
    assert any("dashed red: wrong" in text for text in lists)
    assert any("from night (least) to light (most)" in text for text in texts("attention_rollout"))
    assert any("identities, a colour for each" in text for text in texts("embedding_map_pca"))


def test_several_runs(tmp_path, make_run):
    runs = [make_run("a b/c"), make_run("日本", noise=0.5)]
    names = {path.stem for path in write_figures(tmp_path, runs) if path.suffix == ".svg"}
    assert names == OF_ALL | {"differences"} | {f"{name}_{run}" for name in OF_ONE for run in ("a_b_c", "日本")}


def test_the_same_numbers_give_the_same_svg(tmp_path, make_run):
    for folder in ("a", "b"):
        write_figures(tmp_path / folder, [make_run(figures=None)])
    assert (tmp_path / "a" / "loss.svg").read_bytes() == (tmp_path / "b" / "loss.svg").read_bytes()


def test_an_image_that_is_gone_is_grey(tmp_path, make_run, people):
    run = make_run()
    people[1].image_path(0).unlink()
    assert write_figures(tmp_path, [run])


def test_a_missing_extra_is_named(tmp_path, make_run, monkeypatch):
    run = make_run()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"resight\[report\]"):
        write_figures(tmp_path, [run])
