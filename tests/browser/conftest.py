"""The built book in a real browser: a server, Chromium, and what a clean page is.

A test asks for `page` (or `page_dark`), visits `book` (http) or `book_file` (file), and calls
`assert_clean(page)` at its end. `make test` builds the book first; `pytest tests/browser` takes
the one that is there.
"""

import os
import sys
import threading
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import steps  # noqa: E402

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
CHROMIUM = steps.find_program("chromium", "chromium-browser", "google-chrome")
HERE = {"127.0.0.1", "localhost"}
# random events a figure has to stand; the bench asks for more
EVENTS = int(os.environ.get("FUZZ_EVENTS", "200"))

TROUBLE = defaultdict(list)  # page -> what went wrong on it


def book_pages():
    """Paths of the book's pages below _build/html, `index.html` first."""
    found = [path.relative_to(steps.HTML) for path in steps.HTML.rglob("*.html")]
    pages = [path.as_posix() for path in found if path.parts[0] != "_static"]
    return sorted(pages, key=lambda name: (name != "index.html", name))


def need(what, command):
    """Skip where a part is missing; on CI that is a failure."""
    text = f"{what} is missing: {command}"
    pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames and "name" not in metafunc.definition.keywords:
        # of the module: all tests of a page come one after the other and share what they opened
        metafunc.parametrize("name", book_pages() or ["index.html"], scope="module")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless: the one of the operating system."""
    if not CHROMIUM:
        need("Chromium", "apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def built():
    """The folder of the built book."""
    if not (steps.HTML / "index.html").exists():
        need("The built book", "make book SERVE=0")
    return steps.HTML


@pytest.fixture(scope="session")
def book(built):
    """The book's address over http, ending in a slash."""
    import book as tool

    with tool.server(folder=built) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_address[1]}/"
        site.shutdown()


@pytest.fixture(scope="session")
def book_file(built):
    """The book's address as files, ending in a slash."""
    return f"{built.as_uri()}/"


def watched_page(browser, **options):
    """A page in a context of its own, every request and message of it looked at."""
    options.setdefault("viewport", {"width": 1280, "height": 900})
    context = browser.new_context(**options)
    page = context.new_page()
    trouble = TROUBLE[page]

    def request(request):
        host = urlsplit(request.url).hostname
        if request.url.startswith(("http", "ws")) and host not in HERE:
            trouble.append(f"request to another host: {request.url}")

    def message(message):
        if message.type in ("error", "warning"):
            where = message.location.get("url", "")
            trouble.append(f"console {message.type}: {message.text} ({where})")

    page.on("request", request)
    page.on("console", message)
    page.on("pageerror", lambda error: trouble.append(f"uncaught: {error}"))
    return page


@pytest.fixture
def page(browser):
    page = watched_page(browser, color_scheme="light")
    yield page
    page.context.close()


@pytest.fixture
def page_dark(browser):
    page = watched_page(browser, color_scheme="dark")
    yield page
    page.context.close()


def visit(page, address):
    """Go there, wait until maths and figures stand, and scroll past all of it, as a reader does."""
    page.goto(address, wait_until="load")
    page.wait_for_function(
        """async () => {
          if (window.MathJax?.startup) await window.MathJax.startup.promise;
          await document.fonts.ready;
          const state = document.querySelector('script[type$="jupyter.widget-state+json"]');
          return !state || document.documentElement.dataset.widgets === 'ready';
        }"""
    )
    go_through(page)


def go_through(page):
    """Scroll past the whole page and back: figures draw when they come into view."""
    page.evaluate(
        """async () => {
          const frame = () => new Promise(requestAnimationFrame);
          for (let y = 0; y < document.body.scrollHeight; y += innerHeight) {
            scrollTo({top: y, behavior: 'instant'});
            await frame();
            await frame();
          }
          scrollTo({top: 0, behavior: 'instant'});
          await frame();
        }"""
    )


def assert_clean(page):
    """No request to another host, no console error or warning, no uncaught exception so far."""
    assert TROUBLE[page] == []


def axe(page):
    """axe-core's violations on the page as it stands: one line each."""
    if not AXE.exists():
        need("axe-core", "make test")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target'][0]}\n{node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def nudge(page, handle):
    """Move a slider by one press of an arrow key, away from its upper end if it stands there."""
    handle.focus()
    last = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    page.keyboard.press("ArrowLeft" if last else "ArrowRight")


# For the modules that test figures by themselves: each has a fixture `folder` with their pages.


@pytest.fixture(scope="module")
def site(folder):
    """The same folder over http: axe reads style sheets, which it may not do on files."""
    import book as tool

    with tool.server(folder=folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
