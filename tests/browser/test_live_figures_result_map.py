"""A map of recorded runs in a browser: cells by key, mouse and menu."""

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

from optlib import experiments, live

EVERY = ["bias", "digits"]


def figures():
    return {
        "bias": live.result_map(
            experiments.load("bias_correction"),
            name="bias",
            x="lr",
            y="beta2",
            value="loss",
            curves="loss",
            pages="corrected",
            where={"beta1": 0.9},
            times=(0, 120, 1200),
        ),
        "digits": live.result_map(
            experiments.load("adam_digits"),
            name="digits",
            x="lr",
            y="method",
            value="gap",
            where={"seed": [100, 101, 102]},
        ),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("result_map"), figures())


@pytest.fixture
def show(browser, folder):
    yield from showing(browser, folder)


def test_first_sight_is_the_record(show):
    page = show("bias")
    cell = [
        r["result"]["loss"][-1]
        for r in experiments.load("bias_correction")["runs"]
        if (r["beta1"], r["beta2"], r["lr"], r["corrected"]) == (0.9, 0.99, 0.0316, True)
    ]
    shown = legend(page)
    assert shown["this one"] == shown["the best"]
    assert shown["the best"][:2] == ["0.0316", "0.99"] and len(cell) == 5
    assert number(shown["the best"][2]) == pytest.approx(sum(cell) / 5, rel=4e-3)
    assert "smallest average β₂" in page.locator(".live-panel").inner_text()


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which)
    assert move_every_control(page) == set(figures()[which].controls)


@pytest.mark.parametrize("which", EVERY)
def test_cells_are_chosen_by_key_and_mouse(show, which):
    page = show(which)
    cell, first = page.locator(".live-handle"), label(page)
    before = pixels(page)
    press(page, cell, "ArrowLeft")
    assert legend(page)["this one"] != legend(page)["the best"] and pixels(page) != before
    press(page, cell, "ArrowRight")
    assert label(page) == first and pixels(page) == before
    press(page, cell, *["ArrowLeft"] * 20, *["ArrowDown"] * 20)
    assert cell.get_attribute("aria-valuenow") == "0", "the corner holds"
    box = cell.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y - 110, steps=5)
    page.mouse.up()
    settle(page)
    dragged = int(cell.get_attribute("aria-valuenow"))
    assert dragged > 7
    page.mouse.click(x, y)
    settle(page)
    assert cell.get_attribute("aria-valuenow") == "0"
    menu = page.locator(".live-for-column select").evaluate("s => s.selectedIndex")
    assert menu == 0, "the menus follow"


def test_the_mouse_looks_at_a_cell_without_choosing_it(show):
    page = show("bias")
    first, before, cell = legend(page), pixels(page), page.locator(".live-handle")
    box = cell.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 70, y)
    settle(page)
    looked = legend(page)
    assert looked["this one"] != first["this one"] and looked["the best"] == first["the best"]
    assert pixels(page) != before and cell.bounding_box() == box
    page.get_by_role("button", name="Copy link").hover()
    settle(page)
    assert legend(page) == first and pixels(page) == before
    page.mouse.click(x - 70, y)
    settle(page)
    assert legend(page) == looked and cell.bounding_box()["x"] < box["x"]
    press(page, cell, "ArrowRight")  # the mouse still lies where it clicked
    assert legend(page)["this one"] != looked["this one"]


def test_a_cell_without_runs_says_so(show):
    page = show("digits", "#digits?column=100&row=Adam")
    assert legend(page)["this one"] == ["100", "Adam", "no runs", ""] and "no runs" in label(page)


def test_reset_link_and_table(show):
    page = show("bias", "#bias?page=no&column=0.1")
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("bias"))
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert rows[0][:3] == ["step size η", "average β₂", "loss"] and len(rows) == 22
    press(page, page.locator(".live-handle"), "ArrowUp")
    wanted = pixels(page)
    page.get_by_role("button", name="Copy link").click()
    assert pixels(show("bias", "#" + page.url.split("#")[1])) == wanted


@pytest.mark.parametrize("which", EVERY)
def test_it_fits_a_phone_and_changes_with_the_theme(show, which):
    fits_a_phone_and_follows_the_theme(show, which)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, site, theme):
    is_accessible(show, site, EVERY, theme)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=17)


# what is written on the canvas from now on
LISTEN = """() => {
  window.written = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    written.push(text);
    return write.call(this, text, ...place);
  };
}"""


@pytest.mark.parametrize("width, numbered", [(1280, False), (620, True), (390, False)])
def test_numbers_stand_in_all_cells_or_in_none(show, width, numbered):
    page = show("digits", viewport={"width": width, "height": 900})
    page.evaluate(LISTEN)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    written = page.evaluate("written")
    numbers = [
        text for text in written[: written.index("0.001")] if text
    ]  # the first column's name
    runs = experiments.load("adam_digits")["runs"]
    cells = {(r["lr"], r["method"]) for r in runs if r["seed"] in (100, 101, 102)}
    assert len(numbers) == (len(cells) if numbered else 0)
