"""A page that holds one figure, and what every figure must bear."""

import json
import re
import shutil

import numpy as np
from conftest import assert_clean, axe, watched_page
from ipywidgets.embed import dependency_state

PAGE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>Figures</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="widgets.css">
<style>body {{ font-family: sans-serif; margin: 16px auto; max-width: 46rem; padding: 0 12px }}
html[data-theme=dark] body {{ background: #121212; color: #eee }} .gap {{ height: 3000px }}</style>
<body><main><h1>Figures</h1>{views}</main>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<script src="widgets.js"></script></body></html>"""


def settle(page):
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(page, k=0):
    """A picture of the canvas, as text."""
    return page.evaluate(f"document.querySelectorAll('.live-stage canvas')[{k}].toDataURL()")


def seen(page):
    """All that the figure shows."""
    return pixels(page), page.locator(".live").inner_text()


def label(page):
    return page.get_attribute(".live-stage canvas", "aria-label")


def legend(page):
    """{optimizer: its cells}."""
    rows = page.locator(".live-legend tbody tr").all()
    return {
        r.locator("th").inner_text().strip(): [c.inner_text() for c in r.locator("td").all()]
        for r in rows
    }


def number(text):
    return float(text.replace("−", "-"))


def slider(page, name):
    controls = page.locator(".live-control:visible").filter(has_text=re.compile(rf"^\s*{name}"))
    return controls.locator(".noUi-handle").first


def press(page, where, *keys):
    where.focus()
    for key in keys:
        page.keyboard.press(key)
    settle(page)


def write_pages(built, folder, figures):
    """One page for each of {name: figure}, beside the book's own scripts."""
    shutil.copytree(built / "_static/book", folder, dirs_exist_ok=True)
    for name, figure in figures.items():
        view = json.dumps({"model_id": figure.model_id, "version_major": 2})
        state = {
            "version_major": 2,
            "version_minor": 0,
            "state": dependency_state([figure], drop_defaults=False),
        }
        views = f'<script type="application/vnd.jupyter.widget-view+json">{view}</script>'
        text = json.dumps(state).replace("</", "<\\/")
        (folder / f"{name}.html").write_text(PAGE.format(views=views, state=text))
    return folder


def open_page(browser, folder, name, hash="", site=None, **options):
    """The page of one figure, drawn."""
    page = watched_page(browser, **options)
    page.goto(f"{site or folder.as_uri()}/{name}.html{hash}")
    page.wait_for_selector(".live[data-n]")
    settle(page)
    return page


def showing(browser, folder):
    """What a fixture `show` yields from: show(name, hash) opens a figure in a page of its own."""
    pages = []

    def go(name, *arguments, **options):
        pages.append(open_page(browser, folder, name, *arguments, **options))
        return pages[-1]

    yield go
    for page in pages:
        assert_clean(page)
        page.context.close()


def fits_a_phone_and_follows_the_theme(show, name):
    page = show(name, viewport={"width": 390, "height": 844}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    light = pixels(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert pixels(page) != light


def is_accessible(show, site, names, theme):
    found = []
    for name in names:
        page = show(name, site=site)
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        settle(page)
        found += axe(page)
    assert not found, "\n".join(found)


def move_every_control(page):
    """Move each visible control by keys or choice; the names of those that changed the figure.

    Pixels and words must both change, but for a choice, where one of them is enough.
    """
    moved = set()
    classes = [c.get_attribute("class") for c in page.locator(".live-control:visible").all()]
    for name in [re.search(r"live-for-(\S+)", text)[1] for text in classes]:
        control = page.locator(f".live-for-{name}")
        handle = control.locator(".noUi-handle")
        if handle.count():
            before = seen(page)
            press(page, handle, *["ArrowLeft"] * 3)
            if seen(page)[0] == before[0]:
                press(page, handle, *["ArrowRight"] * 5)  # it stood at its low end
            after = seen(page)
            assert after[0] != before[0], f"{name} draws nothing new"
            assert after[1] != before[1], f"{name} says nothing new"
            moved.add(name)
        first = control.locator("option:checked").all_inner_texts()
        for option in [*control.locator("option:not(:checked)").all_inner_texts(), *first]:
            before = seen(page)
            control.locator("select").select_option(option)
            settle(page)
            assert seen(page) != before, f"{name}: {option}"
            moved.add(name)
        box = control.locator("input[type=checkbox]")
        if box.count():
            before = seen(page)
            box.click()
            settle(page)
            assert seen(page)[0] != before[0], name
            moved.add(name)
    return moved


# all that a figure shows: its pictures, and its words for eye and ear (not what its controls say)
SHOWN = """figure => {
  const live = figure.querySelector('.live'), canvases = [...live.querySelectorAll('canvas')];
  const labels = canvases.map(c => c.getAttribute('aria-label'));
  return [canvases.map(c => c.toDataURL()).join(), live.innerText + labels.join()];
}"""


def every_control_moves(page, figure):
    """Move each control of a figure that stands in a page; each must change what it shows.

    A slider by its keys, a menu through all of its options, with the controls that an option
    brings; then the figure is reset. Returns the names of the controls moved.
    """
    moved = set()

    def shown():
        settle(page)
        return figure.evaluate(SHOWN)

    def names():
        visible = figure.locator(".live-control:visible").all()
        return [re.search(r"live-for-(\S+)", c.get_attribute("class"))[1] for c in visible]

    def slides(handle):
        # where it matters little, or stands at one end: from the other one
        for keys in (["ArrowLeft"] * 3, ["ArrowRight"] * 6, ["End", "ArrowLeft"], ["Home"]):
            before = shown()
            press(page, handle, *keys)
            if shown() != before:
                return True
        return False

    def move(name):
        control = figure.locator(f".live-for-{name}")
        handle, menu = control.locator(".noUi-handle"), control.locator("select")
        moved.add(name)
        if handle.count():
            step = figure.locator(".live-for-step .noUi-handle")
            if not slides(handle):  # of no effect on a first step, perhaps
                press(page, step, *["ArrowRight"] * 5)
                assert slides(handle), name
            return
        box = control.locator("input[type=checkbox]")
        options = menu.locator("option:not(:checked)").all_inner_texts()
        for option in options if menu.count() else [None]:
            before, there = shown(), set(names())
            menu.select_option(option) if menu.count() else box.click()
            new = [other for other in names() if other not in there]
            kept = option == "your\u00a0own"  # begins with what stands
            assert shown() != before or new or kept, f"{name}: {option}"
            for other in new:
                if other not in moved:
                    move(other)

    figure.scroll_into_view_if_needed()
    hidden = figure.get_by_role("button", name="Show without a guess")
    for name in names():
        if hidden.is_visible():
            hidden.click()
        if name not in moved:
            move(name)
            figure.get_by_role("button", name="Reset").click()
    return moved


def bear_random_events(page, count, seed):
    """So many keys, clicks, drags and choices; the figure must still stand after them."""
    rng = np.random.default_rng(seed)
    keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp"]
    keys += ["PageDown", "Tab", "Enter", "Space", "+", "-"]
    buttons = ".live-toggle, .live-player button, .live-predict button:visible"
    spots = f".noUi-handle:visible, .live-handle, .live-orbit, {buttons}"
    for _ in range(count):
        what = rng.integers(8)
        if what < 4:
            page.keyboard.press(str(rng.choice(keys)))
        elif what == 4:
            settle(page)  # what an earlier event takes away is gone now
            where = page.locator(spots)
            where.nth(int(rng.integers(where.count()))).focus()
        elif what < 7:
            box = page.locator(".live-stage").bounding_box()
            (x, y), (x2, y2) = rng.uniform(0, 1, (2, 2))
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            page.mouse.down()
            if what == 6:
                page.mouse.move(
                    box["x"] + x2 * box["width"], box["y"] + y2 * box["height"], steps=2
                )
            page.mouse.up()
        else:
            for select in page.locator(".live-control select").all():
                settle(page)
                if select.is_visible():  # one menu may take another away
                    select.select_option(index=int(rng.integers(select.locator("option").count())))
    settle(page)
    assert page.locator("[data-failed]").count() == 0
    assert label(page) and seen(page)
