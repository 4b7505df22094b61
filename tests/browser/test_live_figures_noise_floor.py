"""The noise floor in a browser: every control moves it, and it says what NumPy computes."""

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
from optlib.live.noise_floor import cloud

EVERY = ["plane", "line", "least"]


def figures():
    return {
        "plane": live.noise_floor(name="plane"),
        "line": live.noise_floor(
            name="line", rule="momentum", beta=0.5, curvatures=2, steps=300, average="EMA"
        ),
        "least": live.noise_floor("least_squares", name="least", d=20, seeds=2, steps=2000),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("noise_floor"), figures())


@pytest.fixture
def show(browser, folder):
    yield from showing(browser, folder)


def test_first_sight_is_what_numpy_computes(show):
    page = show("plane")
    r = rules.gradient_descent
    path = cloud(r, (1, 100), (1, 0.1), 2000, 50, 2.0, {"lr": 0.004}, 1)
    loss = np.array([[1], [100]]) * (path[1001:] ** 2).mean(2).T / 2
    shown = legend(page)
    for name, truth in zip(("curvature 1", "curvature 100"), loss.mean(1)):
        floor, expected, measured = map(number, shown[name])
        assert measured == pytest.approx(truth, rel=1e-3)
        assert measured == pytest.approx(expected, rel=0.05)
        assert floor == pytest.approx(expected, rel=0.02)
    assert "floor in theory 0.009" in label(page)
    assert "mean of steps 1001 to 2000" in page.locator(".live-panel").inner_text()


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which)
    hidden = {"decay"} if which != "line" else set()
    assert move_every_control(page) | hidden == set(figures()[which].controls)


def test_the_decay_is_shown_where_it_matters_and_a_mean_has_no_floor(show):
    page = show("plane")
    assert slider(page, "EMA decay").count() == 0
    page.locator(".live-for-average select").select_option("last half")
    settle(page)
    assert {row[0] for row in legend(page).values()} == {"→ 0"}
    page.locator(".live-for-average select").select_option("EMA")
    settle(page)
    before = pixels(page), legend(page)
    press(page, slider(page, "EMA decay"), "PageDown")
    assert (pixels(page), legend(page)) != before and pixels(page) != before[0]


def test_a_step_beyond_the_limit_is_said_to_diverge(show):
    page = show("plane", "#plane?lr=0.0202")
    assert legend(page)["curvature 100"][0] == "none"
    assert "no floor, it diverges" in label(page)
    wild = show("least", "#least?lr=2.5&d=5")
    assert "the loss grows, no floor" in label(wild) or "diverged at step" in label(wild)


def test_the_columns_are_dragged_through_n(show):
    page = show("least")
    below = [number(v) for v in legend(page)["loss above its minimum"]]
    handle = page.locator(".live-handle")
    press(page, handle, "ArrowRight")
    assert handle.get_attribute("aria-valuetext") == "21"
    assert slider(page, "columns d").get_attribute("aria-valuetext") == "21"
    box, stage = handle.bounding_box(), page.locator(".live-stage canvas").bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] - 18, box["y"] + 16, steps=4)
    page.mouse.up()
    settle(page)
    assert int(handle.get_attribute("aria-valuetext")) > 290
    above = [number(v) for v in legend(page)["loss above its minimum"]]
    assert above[1] < below[1] / 30
    assert legend(page)["its minimum"] == ["0", "0"]


@pytest.mark.parametrize("which", EVERY)
def test_the_legend_takes_a_curve_out_and_back(show, which):
    page = show(which)
    if which == "line":
        assert page.locator(".live-legend button").count() == 0
        return
    before = pixels(page)
    button = page.locator(".live-legend button").first
    button.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert button.get_attribute("aria-pressed") == "false" and pixels(page) != before
    page.keyboard.press("Enter")
    settle(page)
    assert pixels(page) == before


def test_play_reset_link_and_table(show, tmp_path):
    page = show("plane", "#plane?step=0&batch=10")
    first = pixels(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("+document.querySelector('.live-count').textContent.split(' ')[1] > 4")
    page.get_by_role("button", name="Pause").click()
    settle(page)
    assert pixels(page) != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("plane"))
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert rows[0][:3] == ["step", "curvature 1: expected", "curvature 1: measured"]
    assert len(rows) == 2002 and float(rows[1][1]) == pytest.approx(0.5)
    press(page, slider(page, "batch size B"), "ArrowRight")
    wanted = pixels(page)
    page.get_by_role("button", name="Copy link").click()
    assert pixels(show("plane", "#" + page.url.split("#")[1])) == wanted


@pytest.mark.parametrize("which", EVERY)
def test_it_fits_a_phone_and_changes_with_the_theme(show, which):
    fits_a_phone_and_follows_the_theme(show, which)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, site, theme):
    is_accessible(show, site, EVERY, theme)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=11)
