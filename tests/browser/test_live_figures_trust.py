"""Relative steps in a browser: every control and every norm moves them."""

import csv
import threading

import book
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

from optlib import live, rules
from optlib.live.trust import LAYERS, relative_steps

EVERY = ["net", "pair"]


def figures():
    return {
        "net": live.trust(name="net"),
        "pair": live.trust(
            ("adam", "lars"), name="pair", layers=("in", "out"), beta=0.5, lr=0.01, step=9
        ),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("trust"), figures())


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
    page = show("net", "#net?step=20")
    weights, gradients = zip(*LAYERS.values())
    truth = relative_steps(rules.lars, weights, gradients, steps=20)[-1]
    least, most, fold = map(number, legend(page)["LARS"])
    assert least == pytest.approx(truth.min(), rel=3e-3)
    assert most == pytest.approx(truth.max(), rel=3e-3)
    assert fold == pytest.approx(truth.max() / truth.min(), rel=6e-3)
    first = show("net")
    assert [legend(first)[n][2] for n in ("gradient descent", "Adam", "LARS", "LAMB")] == [
        *("2,000", "20", "1", "1")
    ]
    assert "gradient descent 1.00e−5 to 0.02, 2,000-fold" in label(first)
    assert "5 layers of 8 weights" in first.locator(".live-panel").inner_text()


def test_every_control_moves_the_picture(show):
    page = show("net", "#net?step=9&spread=1.5")
    moved = set()
    for rule in ("gradient descent", "Adam", "LARS", "LAMB"):
        page.locator(".live-for-tune select").select_option(rule)
        settle(page)
        for control in page.locator(".live-control:visible").all():
            name = control.get_attribute("class").split("live-for-")[1].split()[0]
            handle = control.locator(".noUi-handle")
            if not handle.count() or name in moved:
                continue
            before = pixels(page), label(page)
            press(page, handle, *["PageUp"] * 3)
            if pixels(page) == before[0]:
                press(page, handle, *["PageDown"] * 6)
            assert pixels(page) != before[0] and label(page) != before[1], name
            moved.add(name)
    assert moved | {"tune"} == set(figures()["net"].controls)


def test_the_settings_of_a_small_figure_move_it(show):
    page = show("pair")
    assert move_every_control(page) == {"step", "spread", "lr", "trust", "beta"}


def test_all_layers_alike_leave_no_difference(show):
    page = show("net")
    press(page, slider(page, "norm spread"), "Home")
    assert {row[2] for row in legend(page).values()} == {"1"}


def norm(page, letter, layer):
    return page.get_by_role("slider", name=f"Norm of {letter}, {layer}")


def test_a_norm_moves_by_key_and_mouse(show):
    page = show("net")
    assert page.locator(".live-handle").count() == 10
    before = legend(page)
    press(page, norm(page, "g", "conv 1"), *["ArrowUp"] * 20)
    assert norm(page, "g", "conv 1").get_attribute("aria-valuetext") == "10"
    after = legend(page)
    assert number(after["gradient descent"][1]) == pytest.approx(0.2)
    assert after["gradient descent"][2] == "20,000"
    assert [after[n] for n in ("Adam", "LARS", "LAMB")] == [
        before[n] for n in ("Adam", "LARS", "LAMB")
    ]
    box = norm(page, "w", "dense").bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] + 16, box["y"] + 76, steps=4)
    page.mouse.up()
    settle(page)
    now = norm(page, "w", "dense").bounding_box()
    assert now["y"] == pytest.approx(box["y"] + 60, abs=1.5) and now["x"] == box["x"]
    assert legend(page)["Adam"][0] != before["Adam"][0]
    # A net of another spread keeps what is seen when one of its norms is moved.
    press(page, slider(page, "norm spread"), *["ArrowLeft"] * 4)
    place = norm(page, "w", "output").bounding_box()
    press(page, norm(page, "w", "conv 2"), "ArrowUp")
    assert norm(page, "w", "output").bounding_box()["y"] == pytest.approx(place["y"], abs=0.5)
    assert slider(page, "norm spread").get_attribute("aria-valuetext").startswith("1")


@pytest.mark.parametrize("which", EVERY)
def test_the_legend_takes_a_rule_out_and_back(show, which):
    page = show(which)
    before = pixels(page)
    button = page.get_by_role("button", name="LARS")
    button.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert legend(page)["LARS"] == ["", "", ""] and pixels(page) != before
    page.keyboard.press("Enter")
    settle(page)
    assert pixels(page) == before
    for name in legend(page):
        page.get_by_role("button", name=name, exact=True).click()
    settle(page)
    assert "no rule is shown" in label(page)
    assert slider(page, "step size η").count() == 0


def test_play_reset_link_and_table(show):
    page = show("net", "#net?lars_lr=0.5&weights=1,1,1,1,1")
    first = pixels(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("+document.querySelector('.live-count').textContent.split(' ')[1] > 3")
    if page.get_by_role("button", name="Pause").count():
        page.get_by_role("button", name="Pause").click()
    settle(page)
    assert pixels(page) != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("net"))
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert rows[0] == [
        *("layer", "norm of weights", "norm of gradient"),
        *("gradient descent", "Adam", "LARS", "LAMB"),
    ]
    assert rows[1][0] == "conv 1" and float(rows[1][3]) == pytest.approx(0.02) and len(rows) == 6
    press(page, norm(page, "w", "output"), "ArrowDown")
    wanted = pixels(page)
    page.get_by_role("button", name="Copy link").click()
    assert pixels(show("net", "#" + page.url.split("#")[1])) == wanted


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
    bear_random_events(show(which), EVENTS, seed=19)
