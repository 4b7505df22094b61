"""Every page of the built book: nothing from outside, nothing to complain of, all of it moves."""

import re

import pytest
from conftest import ROOT, assert_clean, axe, book_pages, go_through, nudge, visit, watched_page
from figure_page import every_control_moves, settle
from playwright.sync_api import TimeoutError


@pytest.fixture(scope="module")
def opened(book, browser, name):
    """The page over http, gone through once: its tests share it, those that change it come last."""
    page = watched_page(browser, color_scheme="light")
    visit(page, book + name)
    yield page
    page.context.close()


def test_page_asks_nobody_and_complains_of_nothing(opened):
    assert opened.locator("h1").count() >= 1
    assert_clean(opened)


def test_page_shows_no_error_output(opened):
    assert opened.locator(".output.stderr, .output.traceback").all_inner_texts() == []


def test_every_slider_has_a_name_and_says_what_it_shows(opened):
    for handle in opened.locator(".widget-slider .noUi-handle").all():
        assert handle.evaluate(NAME)
        readout = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')][1]").locator(
            ".widget-readout"
        )
        assert handle.get_attribute("aria-valuetext") == readout.text_content()


# names, values of controls and numbers of legends that have less room than they need
CUT = """[...document.querySelectorAll(
    '.live-control :is(.widget-label, .widget-readout), .live-legend td')]
  .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth).map(e => e.textContent)"""


def test_no_name_or_number_of_a_figure_is_cut_off(opened):
    assert opened.evaluate(CUT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_accessible(opened, scheme):
    if scheme == "dark":
        opened.emulate_media(color_scheme=scheme)
        go_through(opened)  # its figures are drawn anew in the other colours
    opened.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    found = axe(opened)
    opened.emulate_media(color_scheme="light")
    assert not found, "\n".join(found)


def test_page_fits_a_phone(opened):
    before = opened.viewport_size
    opened.set_viewport_size({"width": 390, "height": 844})
    go_through(opened)
    width, cut = opened.evaluate(f"[document.documentElement.scrollWidth, {CUT}]")
    opened.set_viewport_size(before)
    assert width <= 390
    assert cut == []


# what a figure shows beside its control: how often it drew, and the numbers it prints
SHOWN = """area => [
  ...[...area.querySelectorAll('[data-n]')].map(e => e.dataset.n),
  ...[...area.querySelectorAll('table, output, [role=status]')].map(e => e.textContent),
].join('|')"""
CHANGED = f"before => ({SHOWN})(document.activeElement.closest('.widget-subarea')) !== before"


def test_every_slider_moves_its_figure(opened):
    move_sliders(opened)


def test_every_control_in_the_gallery_moves_its_figure(book, page):
    visit(page, book + "chapters/a_gallery.html")
    figures = page.locator(".live-figure").all()
    assert len(figures) >= 18
    assert all([every_control_moves(page, figure) for figure in figures])
    assert_clean(page)


def test_in_a_file_the_page_asks_nobody_and_a_slider_moves_every_figure(book_file, page, name):
    visit(page, book_file + name)
    assert page.locator("h1").count() >= 1
    move_sliders(page, each=False)


def move_sliders(page, each=True):
    """Press a key on every visible slider, or on the first of every figure, and see it move."""
    moved = set()
    handles = page.locator(".widget-slider .noUi-handle")
    for i in range(handles.count()):
        handle = handles.nth(i)
        if not handle.is_visible():
            continue  # a figure may show the settings of one optimizer at a time
        area = handle.locator("xpath=ancestor::*[contains(@class, 'widget-subarea')][1]")
        figure = area.locator(".live").first.get_attribute("aria-label")
        if figure in moved and not each:
            continue
        moved.add(figure)
        what = f"slider {i}: {handle.evaluate(NAME)}"
        handle.scroll_into_view_if_needed()
        settle(page)
        before = area.evaluate(SHOWN)
        nudge(page, handle)
        try:
            page.wait_for_function(CHANGED, arg=before, timeout=5_000)
        except TimeoutError:
            pytest.fail(f"{what} moved, and its figure did not")
    assert_clean(page)


# the accessible name that aria-labelledby gives
NAME = """handle => (handle.getAttribute('aria-labelledby') || '').split(' ')
  .map(id => document.getElementById(id)?.textContent ?? '').join(' ').trim()"""


@pytest.fixture(params=["http", "file"])
def site(request):
    """The book's address, over http and as files."""
    return request.getfixturevalue({"http": "book", "file": "book_file"}[request.param])


def test_search_finds_a_page(site, page):
    page.goto(f"{site}search.html?q=gradient+descent")
    hit = page.locator("#search-results li a").first
    hit.wait_for(timeout=10_000)
    hit.click()
    page.wait_for_load_state()
    assert "gradient" in page.locator("article").inner_text().lower()
    assert_clean(page)


def test_theme_switch_goes_to_dark_and_back(book, page):
    visit(page, book + "index.html")
    theme = "document.documentElement.dataset.theme"
    seen = set()
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        seen.add(page.evaluate(theme))
    assert seen == {"light", "dark"}
    assert_clean(page)


def test_a_link_to_something_folded_unfolds_it(book, page):
    fold = page.locator("#formula-rmsprop-variants")
    page.goto(book + "chapters/a_formulas.html")
    entry = fold.locator(".math").first
    assert not entry.is_visible()
    page.get_by_role("link", name="3 variants").first.click()
    entry.wait_for(state="visible", timeout=5_000)
    page.goto(book + "chapters/a_notation.html")
    page.goto(book + "chapters/a_formulas.html#formula-rmsprop-keras")
    entry.wait_for(state="visible", timeout=5_000)


def test_every_notebook_can_be_launched_on_binder_and_colab(built):
    notebooks = [name for name in book_pages() if (ROOT / name).with_suffix(".ipynb").exists()]
    assert notebooks
    for name in notebooks:
        links = re.findall(r'href="(https://[^"]+)"', (built / name).read_text(encoding="utf-8"))
        binder = [link for link in links if link.startswith("https://mybinder.org/")]
        colab = [link for link in links if link.startswith("https://colab.research.google.com/")]
        if name.startswith("exercises/"):  # the copy without solutions, which Colab cannot open
            assert "lab/tree/practice/" in binder[0] and not colab, name
        else:
            assert binder and colab, name


def test_an_exercise_shows_its_solution_only_when_asked(book, page):
    pages = [name for name in book_pages() if name.startswith("exercises/")]
    assert pages
    for name in pages:
        page.goto(book + name)
        assert "BEGIN SOLUTION" not in page.content() and "HIDDEN TESTS" not in page.content()
        folded = page.locator("details.solution")
        assert folded.count() >= 4
        assert page.locator("div.cell_output").filter(has_text="right").count() == 0
        code = folded.first.locator("pre")
        assert not code.is_visible()
        folded.first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert code.is_visible()
