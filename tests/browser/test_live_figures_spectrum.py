"""Rare and frequent coordinates in a browser: every control moves them."""

import csv

import numpy as np
import pytest
from conftest import EVENTS
from figure_page import (
    bear_random_events,
    fits_a_phone_and_follows_the_theme,
    is_accessible,
    label,
    legend,
    move_every_control,
    number,
    pixels,
    press,
    settle,
    showing,
    slider,
    write_pages,
)

from optlib import live, rules
from optlib.live.spectrum import descend

EVERY = ["ravine", "words"]


def figures():
    return {
        "ravine": live.spectrum(("gradient_descent", "adagrad"), name="ravine", start=(1, 0.6)),
        "words": live.spectrum(
            ("adagrad", "rmsprop", "adam"),
            name="words",
            problem="words",
            words=5,
            steps=400,
            beta=0.9,
            target=0.05,
            ranges={"lr": (0.01, 10)},
        ),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("spectrum"), figures())


@pytest.fixture
def show(browser, folder):
    yield from showing(browser, folder)


def test_first_sight_is_what_numpy_computes(show):
    page = show("ravine", "#ravine?step=5")
    losses, _ = descend(
        rules.adagrad, 1.0, weights=(1, 100), angle=0, start=(1, 0.6), steps=5, hyper={}
    )
    loss, steps, best, decades = legend(page)["AdaGrad"]
    assert number(loss) == pytest.approx(losses[5, 0], rel=1e-3)
    assert (steps, best, decades) == ("6", "3", "6.6")
    assert legend(page)["gradient descent"][1:3] == ["never", "195"]
    assert "AdaGrad: |Δθ| of each coordinate over |g|" in page.locator(".live-panel").inner_text()


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which, f"#{which}?step=5")  # later the loss is zero whatever the step size
    assert move_every_control(page) == set(figures()[which].controls)


def test_divergence_is_told(show):
    page = show("ravine")
    for steps, finite in ((154, True), (155, False)):
        same = {"weights": (1, 100), "angle": 0, "start": (1, 0.6), "hyper": {}, "steps": steps}
        theta = descend(rules.gradient_descent, 1.0, **same)[1]
        assert np.isfinite(theta).all() == finite
    assert legend(page)["gradient descent"][0] == "diverged"
    assert "gradient descent diverged at step 155" in label(page)


def test_turning_takes_the_speed_and_leaves_gradient_descent_alone(show):
    page = show("ravine")
    before = legend(page)
    press(page, slider(page, "axes turned"), "End")
    after = legend(page)
    assert after["gradient descent"] == before["gradient descent"]
    assert number(after["AdaGrad"][2]) > 150 and number(after["AdaGrad"][3]) > 5.5
    assert "45° turned" in page.locator(".live-panel").inner_text()
    press(page, slider(page, "axes turned"), "Home")
    assert legend(page) == before


def test_the_step_size_goes_over_eight_decades_by_key_and_mouse(show):
    page = show("ravine")
    cursor = page.locator(".live-handle").nth(1)
    assert cursor.get_attribute("aria-label") == "Step size η"
    press(page, slider(page, "step size η"), "End")
    assert cursor.get_attribute("aria-valuetext") == "1.00e+5"
    assert number(legend(page)["AdaGrad"][1]) <= 5
    press(page, cursor, "ArrowLeft")
    assert number(cursor.get_attribute("aria-valuenow")) < 1e5
    box = cursor.bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] - 200, box["y"] + 16, steps=4)
    page.mouse.up()
    settle(page)
    assert number(cursor.get_attribute("aria-valuenow")) < 10


def test_each_at_its_best_hides_the_step_size(show):
    page = show("ravine")
    page.locator(".live-for-best input").click()
    settle(page)
    assert slider(page, "step size η").count() == 0
    assert legend(page)["gradient descent"][1] == "195" and legend(page)["AdaGrad"][1] == "3"
    assert page.locator(".live-handle").count() == 1


def test_the_start_moves_by_key_mouse_and_press(show):
    page = show("ravine")
    start = page.locator(".live-handle").first
    assert start.get_attribute("aria-valuetext") == "coordinates 1 and 0.6"
    before = pixels(page)
    press(page, start, "ArrowLeft", "ArrowUp")
    assert pixels(page) != before
    box = start.bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] - 54, box["y"] + 36, steps=4)
    page.mouse.up()
    settle(page)
    after = start.bounding_box()
    assert after["x"] == pytest.approx(box["x"] - 70, abs=1.5)
    page.mouse.click(box["x"] + 10, box["y"] + 30)
    settle(page)
    assert start.bounding_box()["x"] == pytest.approx(box["x"] - 6, abs=1.5)


@pytest.mark.parametrize("which", EVERY)
def test_the_legend_takes_a_rule_out_and_back(show, which):
    page = show(which)
    before = pixels(page)
    button = page.get_by_role("button", name="AdaGrad")
    button.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert legend(page)["AdaGrad"] == ["", "", "", ""] and pixels(page) != before
    page.locator(".live-for-effective select").select_option("AdaGrad")
    settle(page)
    assert button.get_attribute("aria-pressed") == "true", "to ask for it is to show it"
    assert "Effective step of AdaGrad" in page.locator(".live-panel").inner_text()


def test_play_reset_link_and_table(show):
    page = show("ravine", "#ravine?step=0&angle=12")
    first = pixels(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("+document.querySelector('.live-count').textContent.split(' ')[1] > 4")
    page.get_by_role("button", name="Pause").click()
    settle(page)
    assert pixels(page) != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("ravine"))
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert rows[0][1:4] == [
        "gradient descent: loss",
        "AdaGrad: loss",
        "AdaGrad: effective step, coordinate 1",
    ]
    assert float(rows[1][2]) == 18.5 and rows[156][1] == "diverged"
    press(page, slider(page, "axes turned"), "ArrowRight")
    wanted = pixels(page)
    page.get_by_role("button", name="Copy link").click()
    assert pixels(show("ravine", "#" + page.url.split("#")[1])) == wanted


@pytest.mark.parametrize("which", EVERY)
def test_it_fits_a_phone_and_changes_with_the_theme(show, which):
    fits_a_phone_and_follows_the_theme(show, which)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, site, theme):
    is_accessible(show, site, EVERY, theme)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=13)
