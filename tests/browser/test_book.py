"""Every page of the built book: nothing from outside, nothing to complain of, all of it moves."""

import pytest
from conftest import ROOT, assert_clean, axe, book_pages, nudge, visit


@pytest.fixture(params=["http", "file"])
def site(request):
    """The book's address, over http and as files."""
    return request.getfixturevalue({"http": "book", "file": "book_file"}[request.param])


def test_page_asks_nobody_and_complains_of_nothing(site, page, name):
    visit(page, site + name)
    assert page.locator("h1").count() >= 1
    assert_clean(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_accessible(book, scheme, request, name):
    page = request.getfixturevalue({"light": "page", "dark": "page_dark"}[scheme])
    visit(page, book + name)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    found = axe(page)
    assert not found, "\n".join(found)


def test_page_fits_a_phone(book, page, name):
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, book + name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_page_shows_no_error_output(book, page, name):
    visit(page, book + name)
    assert page.locator(".output.stderr, .output.traceback").all_inner_texts() == []


# what a figure shows beside its control: how often it drew, and the numbers it prints
SHOWN = """area => [
  ...[...area.querySelectorAll('[data-n]')].map(e => e.dataset.n),
  ...[...area.querySelectorAll('table, output, [role=status]')].map(e => e.textContent),
].join('|')"""


def test_every_slider_moves_its_figure(book, page, name):
    move_sliders(page, book + name)


def test_a_slider_of_every_figure_moves_it_in_a_file(book_file, page, name):
    move_sliders(page, book_file + name, each=False)


def move_sliders(page, address, each=True):
    """Press a key on every visible slider, or on the first of every figure, and see it move."""
    visit(page, address)
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
        page.wait_for_timeout(100)
        before = area.evaluate(SHOWN)
        nudge(page, handle)
        page.wait_for_timeout(150)
        assert area.evaluate(SHOWN) != before, f"{what} moved, and its figure did not"
    assert_clean(page)


# the accessible name that aria-labelledby gives
NAME = """handle => (handle.getAttribute('aria-labelledby') || '').split(' ')
  .map(id => document.getElementById(id)?.textContent ?? '').join(' ').trim()"""


def test_every_slider_has_a_name_and_says_what_it_shows(book, page, name):
    visit(page, book + name)
    for handle in page.locator(".widget-slider .noUi-handle").all():
        assert handle.evaluate(NAME)
        readout = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')][1]").locator(
            ".widget-readout"
        )
        assert handle.get_attribute("aria-valuetext") == readout.text_content()


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


def test_every_notebook_can_be_launched_on_binder_and_colab(book, page):
    notebooks = [name for name in book_pages() if (ROOT / name).with_suffix(".ipynb").exists()]
    assert notebooks
    for name in notebooks:
        page.goto(book + name, wait_until="domcontentloaded")
        links = page.locator("a[href]").evaluate_all("all => all.map(a => a.href)")
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
