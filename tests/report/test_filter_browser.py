"""The page of a filtered pool in a real browser."""

import pytest

from tests.report.test_filter_page import write_page


@pytest.fixture
def filtered(tmp_path, scored_pool):
    return write_page(tmp_path / "filter.html", scored_pool)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_and_does_not_complain(open_page, filtered, width, scheme):
    page = open_page(filtered, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll') && !e.closest('svg')
        && !e.closest('.aside') && e.getBoundingClientRect().right > innerWidth + 1)
        .map((e) => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(outside) == []
    small = """[...document.querySelectorAll('main p, main td, main li span, main output, main th')]
        .filter((e) => e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 11).length"""
    assert page.evaluate(small) == 0
    assert page.complaints == []


def test_every_picture_is_drawn(open_page, filtered):
    page = open_page(filtered)
    broken = """Promise.all([...document.querySelectorAll('image')].map((e) => {
        const picture = new Image(); picture.src = e.getAttribute('href');
        return picture.decode().then(() => true, () => false);
    })).then((all) => [all.length, all.filter((fine) => !fine).length])"""
    count, failed = page.evaluate(broken)
    assert count > 100
    assert failed == 0


def test_the_slider_shows_the_images_of_a_score(open_page, filtered):
    page = open_page(filtered)
    slider, words = page.get_by_role("slider", name="Score"), page.locator("output.level-text")
    levels = page.locator("[data-level]")

    def shown():
        visible = [i for i in range(levels.count()) if levels.nth(i).is_visible()]
        assert len(visible) == 1
        assert words.inner_text() == levels.nth(visible[0]).get_attribute("data-text")
        assert page.locator("[data-chosen]").get_attribute("data-bar") == str(visible[0])
        return visible[0]

    start = shown()
    assert levels.nth(start).locator("li.kept").count() > 0  # it begins at the cut
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert shown() == start + 1
    page.keyboard.press("End")
    assert shown() == levels.count() - 1
    assert levels.nth(levels.count() - 1).locator("li.dropped").count() == 0
    page.keyboard.press("Home")
    assert shown() == 0
    assert levels.nth(0).locator("li.kept").count() == 0
    page.locator("[data-bar='20']").click(position={"x": 2, "y": 150})
    assert shown() == 20
    assert slider.input_value() == "20"
    assert slider.get_attribute("aria-valuetext") == words.inner_text()
    assert page.complaints == []


def test_the_slider_stands_under_its_bar(open_page, filtered):
    page = open_page(filtered)
    bars, slider = page.locator("[data-bar]"), page.locator("input[type=range]").bounding_box()
    for place in (0, 39):
        bar = bars.nth(place).bounding_box()
        thumb = slider["x"] + 11 + (slider["width"] - 22) * place / 39
        assert abs(bar["x"] + bar["width"] / 2 - thumb) < 1.5


def test_without_scripts_all_levels_are_shown(open_page, filtered):
    page = open_page(filtered, java_script_enabled=False)
    assert page.locator("[data-level]:visible").count() == 40
    assert page.locator("input[type=range]:visible").count() == 0
