import re

import numpy as np
import pytest

from resight.data.manifest import Manifest
from resight.errors import DataError, MissingExtraError
from resight.report.filter_page import write_filter_page
from tests.report.test_page import Page

SHARED = np.array([[119, 80, 60], [80, 119, 59], [60, 59, 118]])
CHOICES = ("score", "nearest", "sharpness")


def values_of(scores):
    """The column `score`."""
    return Manifest.read(scores).column("score").astype(np.float32)


def write_page(path, scored_pool, **words):
    """The page of the pool that all tests of it share."""
    scores, kept, target = scored_pool
    return write_filter_page(
        path,
        scores,
        by="score",
        values=values_of(scores),
        kept=kept,
        target=target,
        choices=CHOICES,
        shared=SHARED,
        **words,
    )


@pytest.fixture
def page(tmp_path, scored_pool):
    path = write_page(tmp_path / "out" / "filter.html", scored_pool, description="A tiny pool")
    text = path.read_text(encoding="utf-8")
    return text, Page(text), scored_pool[1]


def test_holds_the_numbers(page):
    _, parsed, kept = page
    assert f"{100 * kept.mean():.1f} %" in parsed.text
    assert f"{kept.sum()} images" in parsed.text
    for words in ("A tiny pool", "240", "Without a score 2", "Target 50", "lowest score that is kept"):
        assert words in parsed.text
    share = 80 / (119 + 119 - 80)
    assert f"{100 * share:.0f} %" in parsed.text
    assert [one["id"] for one in parsed.elements("section")] == ["scores", "sheets", "folders", "overlap"]


def test_folders_and_their_shares(page):
    _, parsed, kept = page
    shares = {folder: kept[place::3].mean() for place, folder in enumerate("abc")}
    for share in shares.values():
        assert f"{100 * share:.1f} %" in parsed.text
    assert shares["c"] > shares["a"]
    table = parsed.text[parsed.text.index("Folder Images Kept") :]
    assert table.index(" c 80") < table.index(" b 80") < table.index(" a 80")


def test_kept_and_left_out_images_differ(page):
    _, parsed, _ = page
    assert len(parsed.elements("li", "target")) == 36
    assert parsed.elements("li", "kept")
    assert parsed.elements("li", "dropped")
    drawings = [one for one in parsed.elements("svg") if one.get("role") == "img"]
    assert all(one.get("aria-label") for one in drawings)
    assert len(parsed.elements("li", "kept")) + len(parsed.elements("li", "dropped")) + 36 == len(drawings)


def test_is_one_file_without_anything_from_outside(page):
    text, parsed, _ = page
    assert not re.findall(r"https?:|//[a-z]|@import|url\(", text)
    for _, attrs in parsed.found:
        for name in ("src", "href"):
            assert (attrs.get(name) or "#").startswith(("#", "data:"))
    used = {use["href"] for use in parsed.elements("use")}
    assert used == {f"#{one['id']}" for one in parsed.elements("image")}
    assert "None" not in parsed.text


def test_without_folders_choices_and_kept_images(tmp_path, scored_pool):
    scores, kept, target = scored_pool
    flat = Manifest.read(scores).select(np.arange(0, 240, 3))
    flat.write(tmp_path / "flat.parquet")
    path = write_filter_page(
        tmp_path / "p.html",
        tmp_path / "flat.parquet",
        by="score",
        values=values_of(tmp_path / "flat.parquet"),
        kept=np.zeros(80, dtype=bool),
        target=target,
        about={},
    )
    parsed = Page(path.read_text(encoding="utf-8"))
    assert [one["id"] for one in parsed.elements("section")] == ["scores", "sheets"]
    assert "Cut –" in parsed.text
    assert kept.any()


def test_hostile_names_are_shown_as_text(tmp_path, scored_pool):
    scores, kept, target = scored_pool
    evil = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    table = Manifest.read(scores)
    images = [name.replace("pool/a", f"pool/{evil}") for name in table.column("image")]
    hostile = table.with_column("image", images).with_column(evil, table.column("score"))
    hostile.write(tmp_path / "evil.parquet")
    path = write_filter_page(
        tmp_path / "p.html",
        tmp_path / "evil.parquet",
        by=evil,
        values=values_of(scores),
        kept=kept,
        target=target,
        choices=(evil, "b"),
        shared=SHARED[:2, :2],
        title=evil,
    )
    text = path.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert len(Page(text).elements("script")) == 1
    assert "no image" in text


def test_the_same_scores_give_the_same_page(tmp_path, scored_pool):
    scores, kept, target = scored_pool
    texts = {
        write_filter_page(
            tmp_path / name, scores, by="score", values=values_of(scores), kept=kept, target=target, about={}
        ).read_text()
        for name in ("a.html", "b.html")
    }
    assert len(texts) == 1


def test_counts_that_do_not_fit_the_choices(tmp_path, scored_pool):
    scores, kept, target = scored_pool
    with pytest.raises(DataError, match="2 x 2 choices"):
        write_filter_page(
            tmp_path / "p.html",
            scores,
            by="score",
            values=values_of(scores),
            kept=kept,
            target=target,
            choices=("a", "b"),
            shared=SHARED,
        )
    assert not (tmp_path / "p.html").exists()


def test_a_missing_extra_is_named(tmp_path, scored_pool, monkeypatch):
    scores, kept, target = scored_pool
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"resight\[report\]"):
        write_filter_page(tmp_path / "p.html", scores, by="score", values=values_of(scores), kept=kept, target=target)


def test_a_cut_near_one_and_a_score_that_is_no_column(tmp_path, scored_pool):
    scores, _, target = scored_pool
    values = np.linspace(0.99990, 0.99999, 240, dtype=np.float32)
    path = write_filter_page(
        tmp_path / "p.html", scores, by="mean of two", values=values, kept=values > 0.99995, target=target, about={}
    )
    text = Page(path.read_text(encoding="utf-8")).text
    assert "Cut 0.99995" in text
    assert "lowest mean of two that is kept" in text
