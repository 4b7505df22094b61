"""The rate map and the 2×2 map in a browser: every control, key and panel does what it says."""

import csv
import io
import re

import numpy as np
import pytest
from conftest import EVENTS, TROUBLE, assert_clean, axe, watched_page
from figure_page import (
    bear_random_events,
    label,
    legend,
    number,
    pixels,
    press,
    seen,
    settle,
    slider,
    write_pages,
)

from optlib import live, run, surfaces


def figures():
    return {
        "map": live.rate_map(name="map"),
        "sigma": live.rate_map(
            name="sigma", show="sigma", kappa=1, lr=1.0, beta=0.6, controls=("lr", "beta")
        ),
        "path": live.rate_map(
            ("polyak_momentum", "nesterov"), name="path", show=("path", "map"), start=(0, 1)
        ),
        "two": live.two_by_two(name="two"),
    }


EVERY = list(figures())


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("rate_map"), figures())


@pytest.fixture
def show(folder, page):
    def go(name, hash="", on=page, site=folder.as_uri()):
        on.goto("about:blank")
        on.goto(f"{site}/{name}.html{hash}")
        on.wait_for_selector(".live[data-n]")
        settle(on)
        return on

    yield go
    assert_clean(page)


def drag(page, dx, dy, which=0):
    box = page.locator(".live-handle").nth(which).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=5)
    page.mouse.up()
    settle(page)


def test_first_sight_is_what_numpy_computes(show):
    page = show("map")
    lr, beta = 400 / 121 / 100, (9 / 11) ** 2
    end = run("momentum", surfaces.ravine, (1, 1), 200, lr=lr, beta=beta)
    rho, steps, peak = legend(page)["momentum"]
    assert rho == "0.81818"
    assert int(steps) == end.steps_to(1e-6 * end.loss[0])
    assert peak == f"×{(end.loss / end.loss[0]).max():.3g}"
    assert legend(page)["Nesterov"][1:] == ["diverges", "diverges"]
    assert f"first multiplies the loss by {(end.loss / end.loss[0]).max():.3g}" in label(page)
    assert "0.66942" in label(page) and "3.3058" in label(page)


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which)
    moved = set()
    for handle in page.locator(".noUi-handle:visible").all():
        before = seen(page)
        press(page, handle, "ArrowLeft", "ArrowLeft", "ArrowLeft")
        assert seen(page) != before
        what = handle.evaluate("h => h.closest('.live-control').className")
        moved.add(re.search(r"live-for-(\S+)", what)[1])
    for select in page.locator(".live-control select:visible").all():
        before = pixels(page)
        select.select_option(index=1)
        settle(page)
        assert pixels(page) != before
        what = select.evaluate("s => s.closest('.live-control').className")
        moved.add(re.search(r"live-for-(\S+)", what)[1])
    assert moved == set(figures()[which].controls)


def test_the_cursor_moves_by_key_and_mouse_and_click(show):
    page = show("map", "#map?lr=1&beta=0.5")
    cursor = page.locator(".live-handle")
    assert cursor.get_attribute("aria-valuetext") == "step size 1 over L, momentum 0.5"
    press(page, cursor, "ArrowRight", "Shift+ArrowRight", "ArrowUp", "Shift+ArrowDown")
    assert cursor.get_attribute("aria-valuetext") == "step size 1.011 over L, momentum 0.509"
    assert slider(page, "step size ηL").get_attribute("aria-valuetext") == "1.011"
    rho = legend(page)["momentum"][0]
    drag(page, 60, -40)
    text = cursor.get_attribute("aria-valuetext")
    lr, beta = map(number, re.findall(r"[\d.]+", text))
    assert lr > 1.3 and beta > 0.55 and legend(page)["momentum"][0] != rho
    end = run("momentum", surfaces.ravine, (1, 1), 3000, lr=lr / 100, beta=beta)
    assert int(legend(page)["momentum"][1]) == end.steps_to(1e-6 * end.loss[0])
    canvas = page.locator(".live-stage canvas").bounding_box()
    page.mouse.click(canvas["x"] + 80, canvas["y"] + 60)
    settle(page)
    left = number(re.search(r"size ([\d.]+)", cursor.get_attribute("aria-valuetext"))[1])
    assert 0 < left < 0.5


def test_beyond_the_boundary_the_legend_says_so(show):
    page = show("map", "#map?lr=2.5&beta=0.2")
    assert legend(page)["momentum"][1] == "diverges" and "momentum factor" in label(page)
    assert "diverges" in label(page)
    page = show("map", "#map?lr=2.3&beta=0.2")
    assert legend(page)["momentum"][1] != "diverges"
    page = show("map", "#map?lr=0&beta=0.2")
    assert legend(page)["momentum"] == ["1", "never", "none"]


def test_sigma_tells_where_each_method_stops(show):
    page = show("sigma")
    assert legend(page) == {"momentum": ["0.7746", "3.2"], "Nesterov": ["0", "1.4545"]}
    cursor = page.locator(".live-handle")
    press(page, cursor, *["ArrowRight"] * 50)
    assert cursor.get_attribute("aria-valuetext") == "1.5 over L"
    assert number(legend(page)["Nesterov"][0]) > 1 > number(legend(page)["momentum"][0])
    assert "Nesterov |σ|" in label(page) and "grows" in label(page)
    drag(page, -200, 0)
    assert number(legend(page)["Nesterov"][0]) < 1
    assert page.locator(".live-player").count() == 0


def test_the_legend_takes_a_rule_out_and_the_map_follows(show):
    page = show("map")
    page.get_by_role("button", name="momentum").click()
    settle(page)
    assert legend(page)["momentum"] == ["", "", ""]
    assert page.locator(".live-for-rule select").input_value() == "Nesterov"
    page.locator(".live-for-rule select").select_option("momentum")
    settle(page)
    assert page.get_by_role("button", name="momentum").get_attribute("aria-pressed") == "true"


def test_the_map_is_coloured_by_the_factor(show):
    """Darker where it is faster, on light; red, and light, beyond the boundary."""
    places = []
    for lr, beta in ((3.0, 0.67), (0.05, 0.05), (3.5, 0.1)):
        page = show("path", f"#path?lr={lr}&beta={beta}")
        box, canvas = (
            page.locator(w).bounding_box() for w in (".live-handle", ".live-stage canvas")
        )
        places.append([box["x"] + 16 - canvas["x"], box["y"] + 16 - canvas["y"]])
    page = show("path", "#path?lr=1.5&beta=0.3")
    fast, slow, out = page.evaluate(
        """places => {
          const canvas = document.querySelector('.live-stage canvas');
          const whole = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return places.map(([x, y]) => {
            const k = 4 * (Math.round(y - 5) * canvas.width + Math.round(x + 5));
            return [...whole.data.slice(k, k + 3)];
          });
        }""",
        places,
    )
    assert sum(fast) + 150 < sum(slow)
    assert out[0] > out[2] and sum(out) > sum(fast)


def test_play_walks_along_the_path(show):
    page = show("map")
    press(page, slider(page, "step t"), "Home")
    before = pixels(page)
    page.get_by_role("button", name="Forward one step").click()
    settle(page)
    assert page.locator(".live-count").inner_text() == "step 1 of 100" and pixels(page) != before


def test_a_matrix_is_chosen_typed_and_dragged(show):
    page = show("two")
    assert "a repeated eigenvalue with one eigenvector, 0.9, twice" in label(page)
    assert "first rises to 3.89 times its start at step 9" in label(page)
    assert list(legend(page)) == ["this start", "worst start, ‖Mᵏ‖", "ρᵏ", "k ρᵏ"]
    preset = page.locator(".live-for-preset select")
    preset.select_option("complex")
    settle(page)
    assert slider(page, "entry b").get_attribute("aria-valuetext") == "−0.4"
    assert "a complex pair, 0.85 ± 0.39686i" in label(page) and len(legend(page)) == 3
    press(page, slider(page, "entry b"), "ArrowRight")
    assert preset.input_value() == "your own" and "−0.39" in label(page)
    plane, start = page.locator(".live-handle").all()
    preset.select_option("complex")
    settle(page)
    press(page, plane, "ArrowRight", "Shift+ArrowUp")
    assert plane.get_attribute("aria-valuetext") == "trace 1.71, determinant 0.881"
    assert preset.input_value() == "your own"
    drag(page, 0, -40)
    assert number(plane.get_attribute("aria-valuetext").split()[-1]) > 1
    assert "the map grows" in label(page)
    press(page, start, "ArrowRight", "ArrowUp")
    assert start.get_attribute("aria-valuetext") == "0.01, 1.01"
    drag(page, 30, 30, which=1)
    assert start.get_attribute("aria-valuetext") != "0.01, 1.01"


def test_downloads_and_table(show):
    page = show("path")
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(got.value.path().read_text())))
    assert rows[0][0] == "step" and rows[0][1].endswith(": flat error") and len(rows[0]) == 7
    lr, beta = figures()["path"].view.lr, figures()["path"].view.beta
    end = run("polyak_momentum", surfaces.ravine, (0, 1), 100, lr=lr / 100, beta=beta)
    np.testing.assert_allclose(np.array(rows[1:], float)[:, 1:3], end.theta, rtol=1e-6, atol=1e-12)
    page = show("sigma")
    page.get_by_text("Table of values").click()
    page.wait_for_selector(".live-values td")
    assert page.locator(".live-values thead th").first.inner_text() == "eta lambda"
    with page.expect_download() as got:
        page.get_by_role("button", name="Picture").click()
    assert got.value.path().read_bytes()[:4] == b"\x89PNG"


def test_reset_and_link(show):
    page = show("map")
    before = pixels(page)
    press(page, page.locator(".live-handle"), "ArrowLeft", "ArrowUp")
    press(page, slider(page, "condition κ"), "ArrowRight")
    page.get_by_role("button", name="Copy link").click()
    hash, wanted = "#" + page.url.split("#")[1], pixels(page)
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == before
    assert "kappa=101" in hash
    assert pixels(show("map", hash)) == wanted


def test_on_a_phone_the_panels_stand_one_above_the_other(browser, show):
    phone = watched_page(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = show("map", on=phone)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas = page.locator(".live-stage canvas").bounding_box()
    assert canvas["height"] > 2 * canvas["width"]
    assert page.locator(".live-legend").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert TROUBLE[phone] == []
    phone.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", EVERY)
def test_accessible(show, site, which, theme):
    page = show(which, site=site)
    light = pixels(page)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.get_by_text("Table of values").click()
    settle(page)
    assert (pixels(page) == light) == (theme == "light")
    found = axe(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=7)
