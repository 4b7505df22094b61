"""Predict first, then see: by pointer, by keys, and what stays hidden until then."""

import re

import numpy as np
import pytest
from conftest import TROUBLE, assert_clean, axe, watched_page
from figure_page import write_pages
from test_live_figures import label, legend, number, pixels, press, seen, settle, slider

from optlib import live, run, surfaces


def figures():
    return {
        "loss": live.descent(
            ("gradient_descent", "momentum"), name="loss", lr=0.0198, beta=0.67, predict="loss"
        ),
        "path": live.descent("adam", name="path", lr=0.1, predict={"what": "path", "step": 10}),
        "cliff": live.descent(
            "gradient_descent",
            name="cliff",
            lr=0.05,
            predict={"what": "path", "step": 900},
            steps=999,
        ),
        "map": live.rate_map("momentum", name="map", show=("map", "path"), predict="path"),
    }


EVERY = list(figures())


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("predict"), figures())


@pytest.fixture
def show(folder, page):
    def go(name, on=page, site=folder.as_uri()):
        on.goto("about:blank")
        on.goto(f"{site}/{name}.html")
        on.wait_for_selector(".live[data-n]")
        settle(on)
        return on

    yield go
    assert_clean(page)


def verdict(page):
    return page.locator(".live-verdict").inner_text()


def click(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    settle(page)


def numbers(page):
    """The rows of the prediction: what was said and what is true."""
    page.locator(".live-predict details").evaluate("d => (d.open = true)")
    rows = page.locator(".live-predict tbody tr").all()
    return np.array([[number(c.inner_text()) for c in r.locator("th, td").all()] for r in rows])


def truth(steps=100):
    return run("momentum", surfaces.ravine, (1, 1), steps, lr=0.0198, beta=0.67)


def test_what_is_asked_stays_hidden_until_then(show):
    page = show("loss")
    assert "draw the loss of momentum over 100 steps" in page.locator(".live-ask").inner_text()
    assert legend(page)["momentum"] == ["?", "?", "?"]
    assert "momentum is for you to predict" in label(page)
    assert not page.locator(".live-player").is_visible()
    assert slider(page, "step t").count() == 0 and slider(page, "momentum β").count() == 1
    page.get_by_text("Table of values").click()
    page.wait_for_selector(".live-values td")
    last = page.locator(".live-values tbody tr").last.locator("td").all_inner_texts()
    assert last[:3] != ["", "", ""] and last[3:] == ["", "", ""]
    before = pixels(page)
    click(page, "Show without a guess")
    assert pixels(page) != before and verdict(page) == ""
    assert number(legend(page)["momentum"][2]) == pytest.approx(truth().loss[-1], rel=6e-3)
    assert page.locator(".live-player").is_visible() and slider(page, "step t").count() == 1


def test_a_curve_is_drawn_with_the_pointer_and_compared(show):
    page = show("loss")
    pad = page.locator(".live-pad").bounding_box()
    before = pixels(page)
    page.mouse.move(pad["x"] + 2, pad["y"] + pad["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] - 2, pad["y"] + pad["height"] * 0.5, steps=3)
    page.mouse.up()
    settle(page)
    assert pixels(page) != before
    click(page, "Compare")
    said, real = numbers(page)[:, 1], numbers(page)[:, 2]
    steps = numbers(page)[:, 0].astype(int)
    assert len(steps) == 12 and steps[-1] == 100
    np.testing.assert_allclose(real, truth().loss[steps], rtol=6e-3)
    assert np.ptp(np.log10(said)) < 0.05, "a level line, drawn in three jumps, holds all points"
    factor = np.exp(np.abs(np.log(said / real)))
    text = verdict(page)
    assert f"Within a factor of 2 at {(factor <= 2).sum()} of 12 points" in text
    assert number(re.search(r"factor of (\S+)\.$", text)[1]) == pytest.approx(
        np.exp(np.median(np.log(factor))), rel=0.06
    )
    assert page.evaluate("document.activeElement.textContent") == "Predict again"
    assert legend(page)["momentum"][0] != "?"


def test_a_curve_is_drawn_by_keyboard_alone(show):
    page = show("loss")
    point = page.locator(".live-handle")
    assert point.get_attribute("aria-label") == "Your prediction, step 8"
    press(page, point, "ArrowRight", "ArrowDown", "ArrowDown", "Shift+ArrowDown")
    assert point.get_attribute("aria-label") == "Your prediction, step 17"
    lower = number(point.get_attribute("aria-valuetext"))
    assert lower < 50.5 / 10**0.3
    press(page, point, "ArrowLeft", "ArrowLeft")
    assert point.get_attribute("aria-label") == "Your prediction, step 8"
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    settle(page)
    assert numbers(page)[1][1] == pytest.approx(lower, rel=1e-3)
    assert numbers(page)[0][1] == pytest.approx(50.5)
    page.keyboard.press("Enter")  # the focus is on what came in its place
    settle(page)
    assert verdict(page) == "" and legend(page)["momentum"] == ["?", "?", "?"]
    assert page.evaluate("document.activeElement.textContent") == "Compare"


def test_the_ring_can_be_drawn_with_too(show):
    page = show("loss")
    ring, pad = (
        page.locator(".live-handle").bounding_box(),
        page.locator(".live-pad").bounding_box(),
    )
    page.mouse.move(ring["x"] + 16, ring["y"] + 16)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] - 3, pad["y"] + pad["height"] - 3, steps=4)
    page.mouse.up()
    settle(page)
    click(page, "Compare")
    said = numbers(page)[:, 1]
    assert (np.diff(said) < 0).all() and said[-1] < 1e-6


def test_a_place_is_clicked_and_compared(show):
    page = show("path")
    pad = page.locator(".live-pad").bounding_box()
    page.mouse.click(pad["x"] + pad["width"] / 2, pad["y"] + pad["height"] / 2)
    settle(page)
    ring = page.locator(".live-handle")
    press(page, ring, "ArrowRight", "ArrowUp")
    x, y = map(number, re.findall(r"[−\d.e]+", ring.get_attribute("aria-valuetext")))
    assert (x, y) == pytest.approx((0.048, 0.048), abs=0.012)
    click(page, "Compare")
    end = run("adam", surfaces.ravine, (1, 1), 10, lr=0.1).theta[-1]
    off = np.hypot(x - end[0], y - end[1])
    assert number(re.search(r"Off by (\S+) at step 10", verdict(page))[1]) == pytest.approx(
        off, rel=0.06
    )
    assert page.locator(".live-handle").get_attribute("aria-label") == "Start"


def test_a_run_that_diverges_is_said_to(show):
    page = show("cliff")
    click(page, "Compare")
    end = run("gradient_descent", surfaces.ravine, (1, 1), 999, lr=0.05)
    assert end.diverged < 900
    told = f"At step 900 you said (1, 1): it diverged at step {end.diverged}."
    assert verdict(page) == told


def test_another_setting_takes_the_prediction_away(show):
    page = show("loss")
    click(page, "Compare")
    assert verdict(page)
    press(page, slider(page, "step t"), "ArrowLeft")
    assert verdict(page), "another step is the same run"
    press(page, slider(page, "momentum β"), "ArrowLeft")
    assert verdict(page) == ""
    click(page, "Predict again")
    assert legend(page)["momentum"] == ["?", "?", "?"]
    page.get_by_role("button", name="momentum").click()
    settle(page)
    assert not page.locator(".live-predict").is_visible()
    page.get_by_role("button", name="momentum").click()
    settle(page)
    click(page, "Compare")
    click(page, "Reset")
    assert legend(page)["momentum"] == ["?", "?", "?"]
    assert page.evaluate("document.activeElement.textContent") == "Reset"


def test_the_rate_map_asks_for_the_loss(show):
    page = show("map")
    assert legend(page)["momentum"][1:] == ["?", "?"]
    assert "first multiplies" not in label(page)
    click(page, "Compare")
    assert "first multiplies the loss by 13.6" in label(page)
    lr, beta = figures()["map"].view.lr, figures()["map"].view.beta
    end = run("momentum", surfaces.ravine, (1, 1), 100, lr=lr / 100, beta=beta)
    ratio = end.loss / end.loss[0]
    rows = numbers(page)
    near = ratio[rows[:, 0].astype(int)] > 1e-11
    np.testing.assert_allclose(rows[near, 2], ratio[rows[near, 0].astype(int)], rtol=1e-2)


def test_nothing_is_stored_and_the_link_says_nothing_of_it(show):
    page = show("path")
    pad = page.locator(".live-pad").bounding_box()
    page.mouse.click(pad["x"] + 40, pad["y"] + 40)
    click(page, "Compare")
    click(page, "Copy link")
    assert page.url.endswith("path.html#path")
    assert page.evaluate("document.cookie") == ""
    kept = page.evaluate("(() => { try { return localStorage.length } catch { return 0 } })()")
    assert kept == 0


def test_a_finger_draws(browser, show):
    phone = watched_page(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = show("loss", on=phone)
    pad = page.locator(".live-pad")
    assert pad.evaluate("p => getComputedStyle(p).touchAction") == "none"
    before = pixels(page)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20)
    settle(page)
    assert pixels(page) != before
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert TROUBLE[phone] == []
    phone.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["loss", "path"])
def test_accessible(show, site, which, theme):
    page = show(which, site=site)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    settle(page)
    found = axe(page)
    click(page, "Compare")
    page.locator(".live-predict details").evaluate("d => (d.open = true)")
    found += axe(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("which", EVERY)
def test_two_hundred_random_events(show, which):
    page = show(which)
    rng = np.random.default_rng(7)
    keys = ["Home", "End", "PageUp", "PageDown", "Tab", "Enter"]
    keys += ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    where = page.locator(
        ".noUi-handle:visible, .live-handle, .live-toggle, .live-predict button:visible"
    )
    for _ in range(200):
        kind = rng.integers(5)
        if kind < 3:
            page.keyboard.press(str(rng.choice(keys)))
        elif kind == 3:
            where.nth(int(rng.integers(where.count()))).focus()
        else:
            box = page.locator(".live-stage").bounding_box()
            x, y = rng.uniform(0, 1, 2)
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            page.mouse.down()
            page.mouse.move(box["x"] + y * box["width"], box["y"] + x * box["height"], steps=2)
            page.mouse.up()
    settle(page)
    assert page.locator("[data-failed]").count() == 0
    assert label(page) and seen(page)
