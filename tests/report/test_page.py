import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from resight.errors import DataError, MissingExtraError
from resight.evaluation import Crop, Hit
from resight.report import write_page
from resight.report.sections.rank_lists import chosen_lists

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects elements, checks that every element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def elements(self, tag, word=None):
        named = [attrs for name, attrs in self.found if name == tag]
        return [attrs for attrs in named if word is None or word in attrs.get("class", "").split()]


@pytest.fixture
def page(tmp_path, make_run):
    runs = [make_run("one"), make_run("two", noise=0.5)]
    path = write_page(tmp_path / "out" / "page.html", runs, title="Four people", description="A tiny set")
    return runs, path.read_text(encoding="utf-8"), Page(path.read_text(encoding="utf-8"))


def test_holds_every_number(page):
    runs, _, parsed = page
    for run in runs:
        report = run.report
        for value in (report.mean_ap, report.rank(1), report.rank(5), report.rank(10), report.mean_inp):
            assert f"{100 * value:.1f}" in parsed.text
        assert f"{100 * report.chance_mean_ap:.1f}" in parsed.text
        assert run.name in parsed.text
        for _, found in chosen_lists(run, each=4):
            assert f"AP {100 * found.average_precision:.1f} %" in parsed.text
            assert all(f"{hit.distance:.3f}" in parsed.text for hit in found.hits)
    for word in ("Four people", "A tiny set", "432", "21.8 M", "vit_small", "optimizer.lr", "0.008", "camera 1", "id3"):
        assert word in parsed.text


def test_marks_the_best_and_the_difference_to_the_first(page):
    runs, text, parsed = page
    first, second = (run.report.mean_ap for run in runs)
    assert f"<strong>{100 * max(first, second):.1f}</strong>" in text
    assert f"{100 * (second - first):+.1f}" in parsed.text


def test_is_one_file_without_anything_from_outside(page):
    _, text, parsed = page
    assert not re.findall(r"https?:|//[a-z]|@import|url\(", text)
    for _, attrs in parsed.found:
        for name in ("src", "href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith(("#", "data:"))
    assert not parsed.elements("script")[0].get("src")


def test_every_picture_is_embedded_once_and_decodes(page):
    _, text, parsed = page
    embedded = [one for one in parsed.elements("image") if one.get("id")]
    assert len(embedded) == len({one["href"] for one in embedded}) == 16
    for one in parsed.elements("image"):
        data = one["href"].partition(";base64,")[2]
        image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        image.load()
        expected = {"JPEG": (int(one["width"]), int(one["height"])), "PNG": (2, 4)}
        assert image.size == expected[image.format]
    used = {use["href"] for use in parsed.elements("use")}
    assert used == {f"#{one['id']}" for one in embedded}
    assert text.count("data:image/jpeg") == 16


def test_hits_are_framed_by_right_and_wrong(tmp_path, make_run):
    run = make_run(noise=0.5)
    parsed = Page(write_page(tmp_path / "page.html", [run]).read_text(encoding="utf-8"))
    lists = [found for _, found in chosen_lists(run, each=6)]
    hits = [hit for found in lists for hit in found.hits]
    assert len(parsed.elements("figure", "right")) == sum(hit.match for hit in hits) > 0
    assert len(parsed.elements("figure", "wrong")) == sum(not hit.match for hit in hits) > 0
    assert len(parsed.elements("article", "right")) == sum(found.is_right for found in lists) > 0
    assert len(parsed.elements("article", "failed")) == sum(not found.is_right for found in lists) > 0


def test_lists_say_why_they_are_shown(page):
    runs, _, parsed = page
    shown = [one["data-reasons"].split() for one in parsed.elements("article") if "data-reasons" in one]
    expected = [reasons for run in runs for reasons, _ in chosen_lists(run, each=4)]
    assert sorted(shown) == sorted(expected)
    assert {reason for reasons in shown for reason in reasons} == {"worst", "random", "best"}


def test_every_picture_and_chart_has_a_text(page):
    _, _, parsed = page
    drawings = [one for one in parsed.elements("svg") if one.get("role") == "img"]
    assert drawings
    assert all(one.get("aria-label") for one in drawings)
    assert all(one.get("role") == "img" or one.get("aria-hidden") for one in parsed.elements("svg"))


def test_charts_of_all_quantities(page):
    _, _, parsed = page
    titles = ("Loss", "Learning rate", "Accuracy in training", "mAP", "CMC", "Precision at a recall", "ROC")
    assert all(title in parsed.text for title in titles)
    assert len(parsed.elements("figure", "chart")) == 7 + 2  # a histogram of distances for each run


def test_a_single_point_is_no_curve(tmp_path, make_run):
    run = make_run(curves=[{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0, "rank_1": 0.5}], figures=None)
    parsed = Page(write_page(tmp_path / "page.html", [run], about={}).read_text())
    assert len(parsed.elements("figure", "chart")) == 2  # loss and CMC


def test_same_runs_give_the_same_page(tmp_path, make_run):
    texts = {write_page(tmp_path / name, [make_run()], about={}).read_text() for name in ("a.html", "b.html")}
    assert len(texts) == 1


def test_hostile_names_are_shown_as_text(tmp_path, make_run, people, with_lists):
    evil = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    query = people[1]
    hit = Hit(1, 0.5, evil, evil, query.image_path(1), match=False)
    curves = [{"epoch": 1, "loss": 1.0, evil: 2.0}]
    run = make_run(evil, settings={evil: evil}, curves=curves)
    crop = Crop(query.image_path(0), evil, evil)
    figures = replace(run.figures, crops=[Crop(crop.path, evil, evil) for crop in run.figures.crops])
    pairs = replace(figures.camera_pairs, cameras=(evil, f"{evil}2"))
    attention = replace(figures.attention, branches=(evil, "b", "c"))
    maps = replace(run, figures=replace(figures, camera_pairs=pairs, attention=attention))
    runs = [maps, with_lists(run, (crop, [hit])), make_run(f"{evil}3", noise=0.5)]
    path = write_page(tmp_path / "p.html", runs, title=evil, description=evil, about={evil: evil})
    text = path.read_text(encoding="utf-8")
    parsed = Page(text)
    assert "alert(1)</script>" not in text
    assert "<script>alert" not in text
    assert len(parsed.elements("script")) == 1
    assert parsed.text.count("<script>alert(1)</script>") >= 8
    assert "49" not in re.findall(r"\b49\b", parsed.text)


def test_without_rank_lists_curves_and_settings(tmp_path, make_run):
    run = make_run(figures=None, curves=[], settings={}, num_parameters=0, images_per_second=0.0)
    parsed = Page(write_page(tmp_path / "p.html", [run], about={}).read_text(encoding="utf-8"))
    assert not parsed.elements("article")
    assert not parsed.elements("image")
    assert [one["id"] for one in parsed.elements("section")] == ["results", "curves"]
    assert "–" in parsed.text


def test_an_image_that_is_gone_leaves_a_blank(tmp_path, make_run, people, caplog):
    run = make_run()
    people[1].image_path(0).unlink()
    parsed = Page(write_page(tmp_path / "p.html", [run]).read_text(encoding="utf-8"))
    assert "no image" in parsed.text
    assert len([one for one in parsed.elements("image") if one.get("id")]) == 15
    assert str(people[1].image_path(0)) in caplog.text


def test_unknown_identities_and_cameras(tmp_path, make_run, people, with_lists):
    query = people[1]
    hit = Hit(1, 0.5, None, None, query.image_path(1), match=False)
    lists = [(Crop(query.image_path(0), "7", None), [hit]), (Crop(query.image_path(1), "8", "0"), [])]
    text = write_page(tmp_path / "p.html", [with_lists(make_run(), *lists)]).read_text(encoding="utf-8")
    parsed = Page(text)
    for words in ("no identity", "no right hit in the first 1", "no gallery row counts"):
        assert words in parsed.text
    assert "None" not in text


def test_the_footer_says_how_it_was_made(tmp_path, make_run):
    by_itself = Page(write_page(tmp_path / "p.html", [make_run()]).read_text(encoding="utf-8"))
    assert all(word in by_itself.text for word in ("resight", "torch", "Python", "command"))
    path = write_page(tmp_path / "p.html", [make_run()], about={"hardware": "abacus"})
    assert "abacus" in Page(path.read_text(encoding="utf-8")).text


def test_no_run_is_an_error(tmp_path):
    with pytest.raises(DataError, match="at least one run"):
        write_page(tmp_path / "p.html", [])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_named(tmp_path, make_run, monkeypatch):
    run = make_run()
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"resight\[report\]"):
        write_page(tmp_path / "p.html", [run])


def test_runs_on_other_rows_are_not_ranked(tmp_path, make_run):
    first, other = make_run("one"), make_run("two", noise=3.0)
    other = replace(other, report=replace(other.report, mean_ap=0.999), figures=replace(other.figures, test="another"))
    text = write_page(tmp_path / "p.html", [first, other]).read_text(encoding="utf-8")
    assert "Evaluated on other rows than one, or by another protocol, so not to be compared with it: two." in text
    assert "Best mAP" not in text
    assert 'class="best"' not in text
    results = text[text.index('<table class="results">') : text.index("</table>")]
    assert "+" not in results


def test_images_that_have_moved_are_told_in_a_few_lines(tmp_path, make_run, caplog):
    run = make_run()
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    write_page(tmp_path / "p.html", [run])
    assert len(caplog.records) == 4
    assert "in all 16 of 16 images could not be read; bring them back" in caplog.text
