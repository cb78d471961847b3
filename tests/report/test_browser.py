"""The page in a real browser: no errors, all pictures drawn, filters that filter, room on a phone."""

import re
from dataclasses import replace

import pytest

from resight.report import write_page


@pytest.fixture
def two_runs(tmp_path, make_run):
    long = "a_run_with_quite_a_long_name_" * 3
    return write_page(tmp_path / "page.html", [make_run("one"), make_run(long, noise=0.6)], title="Two runs")


def visible(page, selector):
    return page.locator(f"{selector}:visible").count()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_and_does_not_complain(open_page, two_runs, width, scheme):
    page = open_page(two_runs, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.add_style_tag(content="* { content-visibility: visible !important }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll') && !e.closest('svg')
        && !e.closest('.aside') && e.getBoundingClientRect().right > innerWidth + 1)
        .map((e) => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(outside) == []
    small = """[...document.querySelectorAll('main p, main td, main figcaption, main button')]
        .filter((e) => e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 11).length"""
    assert page.evaluate(small) == 0
    assert page.complaints == []


def test_every_picture_is_drawn(open_page, two_runs):
    page = open_page(two_runs)
    broken = """Promise.all([...document.querySelectorAll('image')].map((e) => {
        const picture = new Image(); picture.src = e.getAttribute('href');
        return picture.decode().then(() => picture.naturalWidth > 0, () => false);
    })).then((all) => [all.length, all.filter((fine) => !fine).length])"""
    count, failed = page.evaluate(broken)
    assert count >= 16
    assert failed == 0
    missing = (
        "[...document.querySelectorAll('use')].filter((e) => !document.querySelector(e.getAttribute('href'))).length"
    )
    assert page.evaluate(missing) == 0


def test_rank_lists_are_filtered(open_page, two_runs):
    page = open_page(two_runs)
    cards = "#rank-lists article"
    everything = visible(page, cards)
    assert everything == page.locator(cards).count() > 4
    section = page.locator("#rank-lists")
    section.get_by_role("button", name="Worst").click()
    worst = page.locator(f"{cards}[data-reasons~=worst]").count()
    assert 0 < worst == visible(page, cards)
    section.get_by_role("button", name="Failed").click()
    failed = page.locator(f"{cards}[data-reasons~=worst][data-result=failed]").count()
    assert failed == visible(page, cards)
    assert section.locator(".count").inner_text().startswith(f"{failed} of {everything} lists")
    assert section.locator(".nothing").is_visible() == (failed == 0)
    section.get_by_role("button", name="All", exact=True).click()
    section.get_by_role("button", name="Right or not").click()
    section.get_by_role("button", name="one", exact=True).click()
    assert visible(page, cards) == page.locator(f"{cards}[data-run='0']").count() < everything
    assert page.complaints == []


def test_pictures_change_with_the_buttons(open_page, two_runs):
    page = open_page(two_runs)
    attention = page.locator("#attention")
    assert (visible(page, "#attention .rollout"), visible(page, "#attention .last")) != (0, 0)
    attention.get_by_role("button", name="Last block").click()
    assert visible(page, "#attention .rollout") == 0 < visible(page, "#attention .last")
    cells = page.locator("#camera-pairs")
    assert visible(page, "#camera-pairs .mean_ap") > 0 == visible(page, "#camera-pairs .rank_1")
    cells.get_by_role("button", name="Rank-1").click()
    assert visible(page, "#camera-pairs .mean_ap") == 0 < visible(page, "#camera-pairs .rank_1")


def test_a_point_of_the_map_shows_its_image(open_page, two_runs):
    page = open_page(two_runs, has_touch=True)
    figure = page.locator(".map").first
    point = figure.locator(".point").first
    figure.scroll_into_view_if_needed()
    box = point.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert figure.locator(".tip").is_hidden()
    page.mouse.move(*middle)
    tip = figure.locator(".tip")
    here = figure.locator(".point.here")
    assert here.count() == 1
    assert tip.inner_text().split()[0] == here.get_attribute("data-pid")
    assert tip.locator("use").get_attribute("href") == f"#{here.get_attribute('data-picture')}"
    assert figure.locator(".point.same").count() == 4
    page.mouse.move(0, 0)
    assert tip.is_hidden()
    page.touchscreen.tap(*middle)
    assert tip.is_visible()
    assert page.complaints == []


def test_values_under_the_pointer_of_a_chart(open_page, two_runs):
    page = open_page(two_runs)
    chart = page.locator(".chart").first
    drawing, tip = chart.locator("svg"), chart.locator(".tip")
    for _ in range(20):  # cards that come into view get their size then, and may move the chart from under the pointer
        box = drawing.bounding_box()
        drawing.hover(position={"x": box["width"] * 0.95, "y": box["height"] / 2})
        page.wait_for_timeout(100)
        is_shown = tip.is_visible()
        if is_shown:
            break
    assert is_shown
    assert tip.text_content().startswith("epoch 4one: 0.75")


def test_two_projections(open_page, tmp_path, make_run):
    run = make_run()
    points = run.figures.embedding_map.points["PCA"]
    both = replace(run.figures.embedding_map, points={"PCA": points, "UMAP": points[::-1].copy()})
    page = open_page(write_page(tmp_path / "p.html", [replace(run, figures=replace(run.figures, embedding_map=both))]))
    first = page.locator(".map .point").first

    def place():
        return [float(number) for number in re.findall(r"[0-9.]+", first.get_attribute("transform"))]

    before = place()
    page.get_by_role("button", name="UMAP").click()
    assert place() != before
    page.get_by_role("button", name="PCA").click()
    assert place() == before
    assert page.complaints == []
