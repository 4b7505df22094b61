"""The schedule designer in a browser: every control moves it, and knots are drawn by any hand."""

import csv
import threading

import book
import numpy as np
import pytest
from conftest import EVENTS, assert_clean, axe
from figure_page import (
    bear_random_events,
    label,
    legend,
    move_every_control,
    number,
    open_page,
    pixels,
    press,
    settle,
    slider,
    write_pages,
)

from optlib import live, schedules
from optlib.live.schedule_designer import drawn, effect

EVERY = ["chosen", "drawn"]
RECORDED = {
    ("cosine", "none"): [[2.3, 1.5, 0.9, 0.5], [2.3, 1.7, 1.1, 0.7]],
    ("constant", "none"): [[2.3, 1.4, 1.1, 0.9], [2.3, 1.6, 1.3, 1.1]],
}


def figures():
    return {
        "chosen": live.schedule_designer(
            "wsd", "inverse_t", name="chosen", lr=0.3, beside_lr=0.9, average="EMA", steps=300
        ),
        "drawn": live.schedule_designer("knots", name="drawn", beside_average="none"),
        "first": live.schedule_designer(name="first"),
        "recorded": live.schedule_designer("cosine", name="recorded", recorded=RECORDED),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("schedule_designer"), figures())


@pytest.fixture
def show(browser, folder):
    pages = []

    def go(name, *args, **options):
        pages.append(open_page(browser, folder, name, *args, **options))
        return pages[-1]

    yield go
    for page in pages:
        assert_clean(page)
        page.context.close()


def test_first_sight_is_what_numpy_computes(show):
    page = show("first", "#first?step=500")
    rows = legend(page)
    assert [number(v) for v in rows["linear"][1:]] == [0.0699, 0.0604, 0.0699]
    assert number(rows["constant, averaged"][1]) == 0.064
    words = page.locator(".live-panel").inner_text()
    assert "linear: η = 0.395, its best; constant, averaged: η = 0.282, its best." in words
    rate = np.array([schedules.polynomial(lr=0.395, steps=1000)(t) for t in range(1, 1001)])
    assert number(rows["linear"][0]) == pytest.approx(effect(rate)[0][500], rel=3e-3)
    assert "Loss at step 500: linear 0.19" in label(page)


def test_what_was_recorded_follows_the_schedule_chosen(show):
    page = show("recorded")
    rows = legend(page)
    assert number(rows["cosine"][-1]) == 0.6 and rows["constant, averaged"][-1] == "no"
    assert "Recorded final loss: cosine 0.6." in label(page)
    before = pixels(page)
    page.locator(".live-for-beside_average select").select_option("none")
    settle(page)
    assert number(legend(page)["constant"][-1]) == 1
    assert "cosine 0.6, constant 1." in label(page)
    assert pixels(page) != before


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which, f"#{which}?step=100&best=false&lr=0.2")
    hidden = {
        "chosen": {"gamma", "power"},
        "drawn": {"warmup", "cooldown", "decay", "gamma", "power", "ema"},
    }
    assert move_every_control(page) | hidden[which] == set(figures()[which].controls)


def test_controls_that_do_nothing_are_hidden(show):
    page = show("first")
    assert slider(page, "step size η").count() == slider(page, "warm-up steps").count() == 0
    before = pixels(page), legend(page)
    page.locator(".live-for-best input").click()
    settle(page)
    assert (pixels(page), legend(page)) == before, "the best step sizes are where one begins"
    page.locator(".live-for-schedule select").select_option("warm-up, stable, decay (WSD)")
    settle(page)
    for name in ("step size η", "warm-up steps", "cool-down steps"):
        before = pixels(page)
        press(page, slider(page, name), *["PageUp"] * 3)
        assert pixels(page) != before, name
    assert slider(page, "power").count() == 0


def knot(page, k):
    return page.get_by_role("slider", name=f"Knot {k}")


def test_a_knot_moves_by_key_and_mouse_and_the_loss_follows(show):
    page = show("drawn")
    assert page.locator(".live-handle").count() == 4
    lr = number(page.locator(".live-panel").inner_text().split("η = ")[1].split(",")[0])
    before = legend(page)["drawn by knots"]
    press(page, knot(page, 3), "ArrowUp", "ArrowRight")
    assert not page.locator(".live-for-best input").is_checked(), "the step size stays"
    assert "after 81 % of the steps" in knot(page, 3).get_attribute("aria-valuetext")
    assert float(knot(page, 3).get_attribute("aria-valuenow")) == pytest.approx(0.31)
    rate = drawn(((0, 1), (0.5, 1), (0.81, 0.31), (1, 0)), lr, 1000)
    after = legend(page)["drawn by knots"]
    assert number(after[1]) == pytest.approx(effect(rate)[0][-1], rel=5e-3)
    assert after[1] != before[1]
    box = knot(page, 2).bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] - 50, box["y"] + 46, steps=4)
    page.mouse.up()
    settle(page)
    now = knot(page, 2).bounding_box()
    assert now["x"] == pytest.approx(box["x"] - 66, abs=1.5)
    assert now["y"] == pytest.approx(box["y"] + 30, abs=1.5)
    # It does not pass its neighbour, and the ends stay at the ends.
    press(page, knot(page, 2), *["ArrowRight"] * 60)
    assert now["x"] < knot(page, 2).bounding_box()["x"] < knot(page, 3).bounding_box()["x"]
    first = knot(page, 1).bounding_box()["x"]
    press(page, knot(page, 1), "ArrowRight", "ArrowDown")
    assert knot(page, 1).bounding_box()["x"] == first


def test_knots_come_and_go_by_button_and_press(show):
    page = show("drawn")
    add, remove = (page.get_by_role("button", name=f"{way} a knot") for way in ("Add", "Remove"))
    words = label(page)
    add.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator(".live-handle").count() == 5 and label(page) == words
    for _ in range(3):
        page.keyboard.press("Enter")
        settle(page)
    assert page.locator(".live-handle").count() == 8 and add.is_disabled()
    for _ in range(6):
        remove.click()
        settle(page)
    assert page.locator(".live-handle").count() == 2 and remove.is_disabled()
    box = page.locator(".live-stage canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 120)
    settle(page)
    assert page.locator(".live-handle").count() == 3 and label(page) != words
    page.locator(".live-for-schedule select").select_option("cosine")
    settle(page)
    assert page.locator(".live-handle").count() == 0 and not add.is_visible()


def test_divergence_is_told(show):
    page = show("chosen", "#chosen?schedule=constant&average=none&lr=3")
    assert legend(page)["constant"][0] != "diverged", "300 steps are too few"
    long = show("first", "#first?schedule=constant&best=false&lr=3")
    assert legend(long)["constant"][:2] == ["diverged", "diverged"]
    loss = effect(np.full(1000, 3.0))[0]
    step = np.flatnonzero(~np.isfinite(loss))[0]
    assert f"constant, step size 3: diverged at step {step}" in label(long)


@pytest.mark.parametrize("which", EVERY)
def test_the_legend_takes_a_schedule_out_and_back(show, which):
    page = show(which)
    before = pixels(page)
    button = page.locator(".live-legend button").first
    button.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert button.get_attribute("aria-pressed") == "false" and pixels(page) != before
    page.keyboard.press("Enter")
    settle(page)
    assert pixels(page) == before
    for k in range(2):
        page.locator(".live-legend button").nth(k).click()
    settle(page)
    assert label(page) == "No schedule is shown."


def test_play_reset_link_and_table(show):
    page = show("drawn", "#drawn?step=0&knots=0,0.5,1,0.5")
    first = pixels(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("+document.querySelector('.live-count').textContent.split(' ')[1] > 4")
    page.get_by_role("button", name="Pause").click()
    settle(page)
    assert pixels(page) != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("drawn"))
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert rows[0][1:3] == ["drawn by knots: step size", "drawn by knots: expected loss"]
    assert len(rows) == 1002 and float(rows[1][2]) == pytest.approx(55.5)
    press(page, knot(page, 2), "ArrowLeft", "ArrowDown")
    wanted = pixels(page)
    page.get_by_role("button", name="Copy link").click()
    assert pixels(show("drawn", "#" + page.url.split("#")[1])) == wanted


def test_a_press_in_the_picture_chooses_the_step(show):
    page = show("chosen")
    box = page.locator(".live-stage canvas").bounding_box()
    page.mouse.click(box["x"] + 58 + (box["width"] - 74) / 2, box["y"] + 60)
    settle(page)
    assert abs(int(slider(page, "step t").get_attribute("aria-valuetext")) - 150) <= 1


@pytest.mark.parametrize("which", EVERY)
def test_it_fits_a_phone_and_changes_with_the_theme(show, which):
    page = show(which, viewport={"width": 390, "height": 844}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    light = pixels(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert pixels(page) != light


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, folder, theme):
    with book.server(folder=folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_address[1]}"
        found = []
        for which in EVERY:
            page = show(which, site=site)
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            settle(page)
            found += axe(page)
        server.shutdown()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=17)
