"""A page that holds one figure, and what every figure must bear."""

import json
import re
import shutil

import numpy as np
from conftest import assert_clean, axe, watched_page
from ipywidgets.embed import dependency_state
from test_live_figures import PAGE, label, pixels, press, seen, settle


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


def bear_random_events(page, count, seed):
    """So many keys, clicks and choices; the figure must still stand after them."""
    rng = np.random.default_rng(seed)
    keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp"]
    keys += ["PageDown", "Tab", "Enter", "Space"]
    spots = ".noUi-handle:visible, .live-handle, .live-toggle, .live-player button"
    for _ in range(count):
        what = rng.integers(8)
        if what < 5:
            page.keyboard.press(str(rng.choice(keys)))
        elif what == 5:
            settle(page)  # what an earlier event takes away is gone now
            where = page.locator(spots)
            where.nth(int(rng.integers(where.count()))).focus()
        elif what == 6:
            box = page.locator(".live-stage canvas").bounding_box()
            x, y = rng.uniform(0, 1, 2)
            page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        else:
            for select in page.locator(".live-control select").all():
                settle(page)
                if select.is_visible():  # one menu may take another away
                    select.select_option(index=int(rng.integers(select.locator("option").count())))
    settle(page)
    assert page.locator("[data-failed]").count() == 0
    assert label(page)
