"""The walk of scale-invariant weights in a browser: every control and both starts move it."""

import csv

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
    write_pages,
)

from optlib import live
from optlib.live.equilibrium import drawn, settled

HYPER = {"lr": 0.01, "weight_decay": 0.5, "beta1": 0.9}
EVERY = ["walk", "small"]


def figures():
    return {
        "walk": live.equilibrium(name="walk"),
        "small": live.equilibrium(
            name="small", d=8, steps=100, pull="L2", size=10.0, controls=("lr", "size")
        ),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("equilibrium"), figures())


@pytest.fixture
def show(browser, folder):
    yield from showing(browser, folder)


def test_first_sight_is_what_numpy_computes(show):
    page = show("walk")
    _, norms, relative = drawn((0.05, 5), 32, 1000, 1, "decoupled", 1.0, {**HYPER, "beta2": 0.99})
    theory = settled(d=32, **HYPER)
    rows = legend(page)
    for k, name in enumerate(("from 0.05", "from 5")):
        _, norm, turn = map(number, rows[name])
        assert norm == pytest.approx(norms[750:, k].mean(), rel=6e-3)
        assert turn == pytest.approx(relative[750:, k].mean(), rel=6e-3)
        assert norm == pytest.approx(theory[0], rel=0.1)
    assert list(map(number, rows["theory"][1:])) == pytest.approx(theory, rel=6e-3)
    assert "The random walk settles at 0.553" in label(page)
    assert "Memory of ‖w‖², 1/(2ηλ): 100 steps" in page.locator(".live-panel").inner_text()


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which)
    hidden = {"size"} if which == "walk" else set()  # of no influence under AdamW
    assert move_every_control(page) == set(figures()[which].controls) - hidden


def test_l2_has_no_theory_and_the_gradients_size_moves_it(show):
    sizes = show("walk").locator(".live-for-size:visible")
    assert sizes.count() == 0
    page = show("walk", "#walk?pull=L2")
    assert page.locator(".live-for-size:visible").count() == 1
    assert "theory" not in legend(page)
    weak = show("walk", "#walk?pull=L2&size=1000")
    assert number(legend(weak)["from 0.05"][1]) > 1.5 * number(legend(page)["from 0.05"][1])
    assert "divides it by the gradients" in page.locator(".live-panel").inner_text()


def test_a_start_moves_by_key_and_mouse(show):
    page = show("walk")
    before = legend(page)
    handle = page.get_by_role("slider", name="First norm 2")
    press(page, handle, *["ArrowDown"] * 4)
    assert handle.get_attribute("aria-valuetext") == "3.16"
    assert legend(page)["from 0.05"] == before["from 0.05"]
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] + 16, box["y"] + 46, steps=4)
    page.mouse.up()
    settle(page)
    assert "from 3.16" not in legend(page) and "from 5" not in legend(page)


def test_play_reset_link_and_table(show):
    page = show("small", "#small?lr=0.05&step=3")
    first = pixels(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("+document.querySelector('.live-count').textContent.split(' ')[1] > 5")
    if page.get_by_role("button", name="Pause").count():
        page.get_by_role("button", name="Pause").click()
    settle(page)
    assert pixels(page) != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("small"))
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert rows[0][:2] == ["step", "norm from 0.05"] and len(rows) == 102
    assert float(rows[1][1]) == 0.05 and float(rows[1][3]) == 5
    press(page, page.get_by_role("slider", name="First norm 1"), "ArrowDown")
    wanted = pixels(page)
    page.get_by_role("button", name="Copy link").click()
    assert pixels(show("small", "#" + page.url.split("#")[1])) == wanted


@pytest.mark.parametrize("which", EVERY)
def test_it_fits_a_phone_and_changes_with_the_theme(show, which):
    fits_a_phone_and_follows_the_theme(show, which)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, site, theme):
    is_accessible(show, site, EVERY, theme)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=23)
