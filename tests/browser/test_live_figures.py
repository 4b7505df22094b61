"""The live figures by themselves in a page: every control, key and button does what it says.

The page is made here from the figures' widget state and the book's own browser bundle, so that it
holds settings which no chapter needs.
"""

import csv
import io
import json
import re
import shutil

import numpy as np
import pytest
from conftest import EVENTS, TROUBLE, assert_clean, axe, watched_page
from figure_page import (
    PAGE,
    bear_random_events,
    label,
    legend,
    number,
    pixels,
    press,
    seen,
    settle,
    slider,
)
from ipywidgets.embed import dependency_state

from optlib import live, rule, run, surfaces


@rule
def sign_step(theta, g, *, t, lr=0.1):
    theta = theta - lr * g / (g * g + 1e-12) ** 0.5
    return theta


def figures():
    return {
        "race": live.descent(name="race", lr=0.0198, adam_lr=0.1, beta=0.67),
        "full": live.descent(
            ("adam", sign_step),
            "ravine",
            surfaces=("rosenbrock",),
            name="full",
            steps=60,
            lr=0.1,
            noise=1.0,
            schedules=("cosine", "step", "exponential", "warmup_cosine"),
        ),
        "steep": live.descent(
            "gradient_descent", "rosenbrock", name="steep", lr=0.01, ranges={"lr": (1e-4, 1)}
        ),
        "rate": live.rate(("gradient_descent", "momentum", "nesterov"), name="rate", beta=0.67),
        "stepper": live.stepper(name="stepper"),
        "cliff": live.descent(
            "gradient_descent", name="cliff", lr=2 / 101, ranges={"lr": (0.001, 3)}, steps=250
        ),
        "decay": live.descent("adamw", name="decay", weight_decay=1.0, controls=("weight_decay",)),
    }


EVERY = ["race", "full", "steep", "rate", "stepper"]  # cliff and decay are smaller races


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    """A folder with one page for each figure, and one that holds all."""
    folder = tmp_path_factory.mktemp("live")
    shutil.copytree(built / "_static/book", folder, dirs_exist_ok=True)
    made = figures()

    def write(name, figures, between=""):
        view = '<script type="application/vnd.jupyter.widget-view+json">{}</script>'
        ids = [json.dumps({"model_id": f.model_id, "version_major": 2}) for f in figures]
        state = {
            "version_major": 2,
            "version_minor": 0,
            "state": dependency_state(figures, drop_defaults=False),
        }
        stills = [f'<div class="text_html">{f.without_scripts()}</div>' for f in figures]
        views = between.join(f"<div>{still}{view.format(i)}</div>" for still, i in zip(stills, ids))
        text = json.dumps(state).replace("</", "<\\/")
        (folder / f"{name}.html").write_text(PAGE.format(views=views, state=text))

    for name, figure in made.items():
        write(name, [figure])
    write("all", list(made.values()), '<div class="gap"></div>')
    machines = [live.stepper(name="first"), live.stepper(name="second", preset="spike")]
    write("twins", [*machines, live.descent("adam", name="third"), live.rate(name="fourth")])
    return folder


@pytest.fixture
def show(folder, page):
    """show("race", "#race?lr=0.01") opens the page of a figure and waits until it is drawn."""

    def go(name, hash="", on=page, site=folder.as_uri()):
        on.goto("about:blank")
        on.goto(f"{site}/{name}.html{hash}")
        on.wait_for_selector(".live[data-n]")
        settle(on)
        return on

    yield go
    assert_clean(page)


# ---------------------------------------------------------------------------- what it shows


def test_first_sight_is_what_numpy_computes(show):
    page = show("race")
    expected = {
        "gradient descent": run("gradient_descent", surfaces.ravine, (1, 1), 100, lr=0.0198),
        "momentum": run("momentum", surfaces.ravine, (1, 1), 100, lr=0.0198, beta=0.67),
        "Adam": run("adam", surfaces.ravine, (1, 1), 100, lr=0.1),
    }
    shown = legend(page)
    assert list(shown) == list(expected)
    for name, truth in expected.items():
        x, y, loss = map(number, shown[name])
        np.testing.assert_allclose([x, y], truth.theta[-1], rtol=6e-3)
        np.testing.assert_allclose(loss, truth.loss[-1], rtol=6e-3)
    assert "after 100 steps" in label(page) and "momentum loss" in label(page)


def test_divergence_is_told(show):
    page = show("steep")
    end = run("gradient_descent", surfaces.rosenbrock, surfaces.rosenbrock.start, 100, lr=0.01)
    assert end.diverged
    assert legend(page)["gradient descent"][0] == f"diverged at step {end.diverged}"
    assert f"diverged at step {end.diverged}" in label(page)
    before = pixels(page)
    press(page, slider(page, "step t"), "Home")
    assert number(legend(page)["gradient descent"][2]) == pytest.approx(end.loss[0], rel=1e-3)
    assert pixels(page) != before


# ---------------------------------------------------------------------------- every control


@pytest.mark.parametrize("which", EVERY)
def test_every_control_moves_the_picture(show, which):
    page = show(which)
    if page.locator(".live-for-step").count():
        press(page, slider(page, "step t"), *["ArrowLeft"] * 7)
    # each rule's own settings are shown when it is chosen
    chosen = page.locator(".live-for-tune select, .live-for-rule select")
    options = chosen.locator("option").all_inner_texts() if chosen.count() else [None]
    moved = set()
    for option in options:
        if option:
            chosen.select_option(option)
        for handle in page.locator(".noUi-handle:visible").all():
            before = seen(page)
            low = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemin")
            press(page, handle, *["ArrowRight" if low else "ArrowLeft"] * 3)
            what = handle.evaluate("h => h.closest('.live-control').className")
            moved.add(re.search(r"live-for-(\S+)", what)[1])
            # epsilon does next to nothing at 1e-8, and Adam's step in units of lr knows no lr
            if seen(page) == before:
                press(page, handle, "End", "ArrowLeft")
            assert seen(page) != before, f"{what} changes nothing"
    for select in page.locator(".live-control select:visible").all():
        for option in select.locator("option:not(:checked)").all_inner_texts():
            before = seen(page), page.locator(".live-control:visible").all_inner_texts()
            select.select_option(option)
            settle(page)
            after = seen(page), page.locator(".live-control:visible").all_inner_texts()
            assert after != before, option
        moved.add(
            re.search(
                r"live-for-(\S+)", select.evaluate("s => s.closest('.live-control').className")
            )[1]
        )
    expected = set(figures()[which].controls)
    assert moved == expected


def test_controls_that_do_nothing_are_hidden(show):
    page = show("race")
    assert slider(page, "average β₂").count() == 0
    page.locator(".live-for-tune select").select_option("Adam")
    settle(page)
    assert slider(page, "average β₂").count() == 1
    assert slider(page, "momentum β").count() == 0
    page.get_by_role("button", name="Adam").click()
    settle(page)
    assert slider(page, "average β₂").count() == 0, "Adam is not drawn, its controls remain"


def test_the_settings_shown_are_of_an_optimizer_that_has_some(show):
    page = show("race")
    page.get_by_role("button", name="momentum").click()
    settle(page)
    assert page.locator(".live-for-tune select").input_value() == "Adam"
    page.locator(".live-for-tune select").select_option("momentum")
    settle(page)
    assert legend(page)["momentum"] != ["", "", ""]


def test_the_legend_takes_an_optimizer_out_and_back(show):
    page = show("race")
    before = pixels(page)
    button = page.get_by_role("button", name="momentum")
    button.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert button.get_attribute("aria-pressed") == "false"
    assert legend(page)["momentum"] == ["", "", ""]
    assert "momentum" not in label(page) and pixels(page) != before
    button.click()
    settle(page)
    assert pixels(page) == before


def test_seed_changes_the_noise_and_nothing_else(show):
    page = show("full")
    first = legend(page)
    press(page, slider(page, "noise seed"), "ArrowRight")
    assert legend(page) != first
    press(page, slider(page, "noise seed"), "ArrowLeft")
    assert legend(page) == first
    press(page, slider(page, "gradient noise"), "Home")
    assert slider(page, "noise seed").count() == 0
    exact = run("adam", surfaces.ravine, (1, 1), 60, lr=0.1).theta[-1]
    np.testing.assert_allclose([number(v) for v in legend(page)["Adam"][:2]], exact, rtol=6e-3)


def readout(page, name):
    controls = page.locator(".live-control:visible").filter(has_text=re.compile(rf"^\s*{name}"))
    return controls.locator(".widget-readout").first


def type_in(page, where, text, key="Enter"):
    where.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)
    page.keyboard.press(key)
    settle(page)


def at_lr(lr, steps=250):
    """x, y and loss as the legend shows them after so many steps."""
    return run("gradient_descent", surfaces.ravine, (1, 1), steps, lr=lr)


def assert_shown(page, end):
    x, y, loss = map(number, legend(page)["gradient descent"])
    np.testing.assert_allclose([x, y, loss], [*end.theta[-1], end.loss[-1]], rtol=6e-3)


@pytest.mark.parametrize("lr", ["0.02", "0.0205", "0.0198", "0.019802"])
def test_a_link_is_honoured_to_the_last_digit(show, lr):
    page = show("cliff", f"#cliff?lr={lr}")
    assert readout(page, "step size η").inner_text() == lr
    assert_shown(page, at_lr(float(lr)))


@pytest.mark.parametrize("key", ["Enter", "Tab"])
def test_a_typed_value_is_honoured_to_the_last_digit(show, key):
    page = show("cliff")
    box = readout(page, "step size η")
    for text, value in [("0.02", 0.02), ("0.0205", 0.0205), ("1/50", 0.02), ("2e−2", 0.02)]:
        type_in(page, box, text, key)
        assert box.inner_text() == str(value)
        assert_shown(page, at_lr(value))
        assert slider(page, "step size η").get_attribute("aria-valuetext") == str(value)
    for wrong in ("abc", "", "1/"):
        type_in(page, box, wrong, key)
        assert box.inner_text() == "0.02"
    type_in(page, box, "99", key)
    assert box.inner_text() == "3"
    press(page, slider(page, "step size η"), "Home")
    assert box.inner_text() == "0.001"


def test_looking_at_a_value_does_not_change_it(show):
    page = show("cliff")
    shown = legend(page)
    assert_shown(page, at_lr(2 / 101))
    box = readout(page, "step size η")
    assert box.inner_text() == "0.019802"
    box.click()
    page.keyboard.press("Tab")
    settle(page)
    press(page, slider(page, "step size η"), "ArrowRight", "ArrowLeft")
    assert legend(page) == shown
    page.get_by_role("button", name="Copy link").click()
    assert "?" not in page.url


def test_arrow_keys_cross_the_cliff_in_fine_steps_and_a_held_key_is_fast(show):
    page = show("cliff")
    handle, box = slider(page, "step size η"), readout(page, "step size η")
    seen_values = []
    for _ in range(3):
        press(page, handle, "ArrowRight")
        seen_values.append(box.inner_text())
    assert seen_values == ["0.0199", "0.02", "0.0201"]
    press(page, handle, "PageUp")
    assert box.inner_text() == "0.0253"
    for _ in range(60):
        page.keyboard.down("ArrowRight")  # repeats after the first
    page.keyboard.up("ArrowRight")
    settle(page)
    assert number(box.inner_text()) > 0.09
    press(page, handle, "End")
    assert box.inner_text() == "3"


def test_the_mouse_moves_a_slider_onto_marks(show):
    page = show("cliff")
    handle = slider(page, "step size η").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 31, y, steps=6)
    page.mouse.up()
    settle(page)
    text = readout(page, "step size η").inner_text()
    assert number(text) > 0.03 and number(text) == float(f"{number(text):.3g}")
    assert_shown(page, at_lr(number(text))) if number(text) < 0.02 else None
    after = slider(page, "step size η").bounding_box()
    assert after["x"] == pytest.approx(handle["x"] + 31, abs=2)


def test_the_start_reaches_the_axis_by_key(show):
    page = show("cliff")
    start = page.locator(".live-handle")
    start.focus()
    for _ in range(100):
        page.keyboard.press("ArrowDown")
    settle(page)
    assert start.get_attribute("aria-valuetext") == "x 1, y 0"
    press(page, start, "Shift+ArrowUp")
    assert start.get_attribute("aria-valuetext") == "x 1, y 0.001"


def test_kappa_is_counted_in_whole_numbers_and_the_legend_follows(show):
    page = show("rate")
    handle, box = slider(page, "condition κ"), readout(page, "condition κ")
    assert "steep, curvature 100" in legend(page)
    press(page, handle, "End")
    assert box.inner_text() == "10,000"
    assert "steep, curvature 10,000" in legend(page)
    assert "best 0.9998 at 1.9998/L" in label(page) and "condition number 10,000" in label(page)
    type_in(page, box, "1,234")
    assert box.inner_text() == "1,234" and "steep, curvature 1,234" in legend(page)
    press(page, handle, "Home")
    assert box.inner_text() == "1" and "best 0 at 1/L" in label(page)
    press(page, handle, "ArrowRight")
    assert box.inner_text() == "2" and "steep, curvature 2" in legend(page)


# ---------------------------------------------------------------------------- start, step, play


def test_the_start_moves_by_key_mouse_and_touch(show):
    page = show("race")
    start = page.locator(".live-handle")
    assert start.get_attribute("aria-valuetext") == "x 1, y 1"
    before = pixels(page)
    press(page, start, "ArrowLeft")
    assert start.get_attribute("aria-valuetext") == "x 0.99, y 1"
    press(page, start, "Shift+ArrowDown")
    assert start.get_attribute("aria-valuetext") == "x 0.99, y 0.999"
    assert pixels(page) != before
    assert "Shift" in start.get_attribute("title")

    box = start.bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] - 104, box["y"] + 56, steps=5)
    page.mouse.up()
    settle(page)
    dragged = start.get_attribute("aria-valuetext")
    after = start.bounding_box()
    assert after["x"] == pytest.approx(box["x"] - 120, abs=1.5)
    assert after["y"] == pytest.approx(box["y"] + 40, abs=1.5)

    canvas = page.locator(".live-stage canvas").bounding_box()
    page.mouse.click(canvas["x"] + 100, canvas["y"] + 100)
    settle(page)
    assert start.get_attribute("aria-valuetext") != dragged
    assert start.bounding_box()["x"] == pytest.approx(canvas["x"] + 84, abs=1.5)


def test_the_start_moves_under_a_finger(folder, browser, show):
    phone = watched_page(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = show("race", on=phone)
    start = page.locator(".live-handle")
    start.evaluate("""h => {
      const box = h.getBoundingClientRect(), finger = {pointerId: 1, pointerType: "touch"};
      const send = (type, dx, dy) => h.dispatchEvent(new PointerEvent(type,
        {...finger, bubbles: true, clientX: box.x + 16 + dx, clientY: box.y + 16 + dy}));
      h.setPointerCapture = () => {}; h.hasPointerCapture = () => true;
      send("pointerdown", 0, 0); send("pointermove", -60, 30); send("pointerup", -60, 30);
    }""")
    settle(page)
    assert start.get_attribute("aria-valuetext") != "x 1, y 1"
    assert start.evaluate("h => getComputedStyle(h).touchAction") == "none"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas = page.locator(".live-stage canvas").bounding_box()
    assert canvas["height"] > canvas["width"], "on a phone the panels stand one above the other"
    assert TROUBLE[phone] == []
    phone.context.close()


def test_step_play_and_scrub(show):
    page = show("race")
    count = page.locator(".live-count")
    page.get_by_role("button", name="Back one step").click()
    settle(page)
    assert count.inner_text() == "step 99 of 100"
    page.get_by_role("button", name="Forward one step").click()
    settle(page)
    assert count.inner_text() == "step 100 of 100"
    press(page, slider(page, "step t"), "Home", *["ArrowRight"] * 3)
    assert count.inner_text() == "step 3 of 100"
    third = run("adam", surfaces.ravine, (1, 1), 3, lr=0.1).theta[-1]
    np.testing.assert_allclose([number(v) for v in legend(page)["Adam"][:2]], third, rtol=1e-3)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.live-count').textContent > 'step 5'")
    page.get_by_role("button", name="Pause").click()
    settle(page)
    halted = count.inner_text()
    assert slider(page, "step t").get_attribute("aria-valuetext") == halted.split()[1]
    page.wait_for_timeout(200)
    assert count.inner_text() == halted and "100 of" not in halted


def test_reduced_motion_plays_ten_stills(folder, browser, show):
    calm = watched_page(browser, reduced_motion="reduce")
    page = show("race", on=calm)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "!/step (0|100) of/.test(document.querySelector('.live-count').textContent)"
    )
    assert page.locator(".live-count").inner_text() == "step 10 of 100"
    assert TROUBLE[calm] == []
    calm.context.close()


# ---------------------------------------------------------------------------- rate and stepper


def test_the_cursor_of_the_rate_moves_by_key_and_mouse(show):
    page = show("rate")
    cursor = page.locator(".live-handle")
    assert cursor.get_attribute("aria-valuenow") == "1"
    press(page, cursor, "ArrowRight", "Shift+ArrowRight")
    assert cursor.get_attribute("aria-valuenow") == "1.011"
    assert slider(page, "step size ηL").get_attribute("aria-valuetext") == "1.011"
    assert number(legend(page)["steep, curvature 100"][0]) == pytest.approx(0.011, abs=1e-4)
    press(page, cursor, *["ArrowRight"] * 10)
    box = cursor.bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] + 116, box["y"] + 16, steps=4)
    page.mouse.up()
    settle(page)
    assert number(cursor.get_attribute("aria-valuenow")) > 2
    assert legend(page)["the larger, which decides"][2] == "never"
    assert "does not shrink" in label(page)


def lines(page):
    return page.locator(".live-lines li").all()


def test_the_machine_runs_line_by_line_both_ways(show):
    page = show("stepper", "#stepper?step=3&line=1")
    forward = page.get_by_role("button", name="Line forward")
    back = page.get_by_role("button", name="Line back")
    numbers = [row.locator(".live-numbers").inner_text() for row in lines(page)]
    assert numbers == ["= 0.9 × 0.19 + (1 − 0.9) × 1 = 0.271", "", "", "", ""]
    for k in range(2, 6):
        forward.click()
        settle(page)
        assert lines(page)[k - 1].get_attribute("aria-current") == "step"
        assert lines(page)[k - 1].locator(".live-numbers").inner_text()
    assert (
        "= (−0.2) − 0.1 × 1 / (sqrt(1) + 1.00e−8) = −0.3"
        in page.locator(".live-lines").inner_text()
    )
    assert page.locator(".live-result").inner_text().startswith("Δθ = −0.1, 1 η")
    forward.click()
    settle(page)
    assert page.locator(".live-count").inner_text() == "step 4 of 40"
    assert lines(page)[0].get_attribute("aria-current") == "step"
    back.click()
    settle(page)
    assert page.locator(".live-count").inner_text() == "step 3 of 40"
    assert lines(page)[4].get_attribute("aria-current") == "step"


def test_a_preset_brings_its_settings_and_its_span(show):
    page = show("stepper")
    page.locator(".live-for-preset select").select_option("60, growing by 11 %")
    settle(page)
    assert page.locator(".live-count").inner_text() == "step 5000 of 5000"
    assert "largest so far 7.25 η at step 5000" in label(page)
    press(page, slider(page, "step t"), "Home")
    assert page.locator(".live-count").inner_text() == "step 4941 of 5000"
    page.locator(".live-for-preset select").select_option("bowl ½θ², no noise")
    settle(page)
    assert slider(page, "average β₂").get_attribute("aria-valuetext") == "0.99"
    assert page.locator(".live-count").inner_text() == "step 1600 of 1600"
    page.locator(".live-for-preset select").select_option("constant")
    settle(page)
    assert page.locator(".live-count").inner_text() == "step 40 of 40"
    page.locator(".live-for-correction select").select_option("off")
    settle(page)
    assert len(lines(page)) == 3
    assert "largest so far 6.57 η at step 12" in label(page)


def test_the_gradients_are_edited_by_key_and_mouse(show):
    page = show("stepper", "#stepper?step=5")
    bar = page.locator(".live-handle")
    assert bar.get_attribute("aria-label") == "Gradient at step 5"
    press(page, bar, "ArrowDown", "ArrowDown")
    lower = number(bar.get_attribute("aria-valuetext"))
    assert lower < 1
    assert page.locator(".live-for-preset select").input_value() == "your own"
    press(page, bar, "ArrowLeft")
    assert bar.get_attribute("aria-label") == "Gradient at step 4"
    assert bar.get_attribute("aria-valuetext") == "1"
    page.mouse.move(*[v + 16 for v in list(bar.bounding_box().values())[:2]])
    page.mouse.down()
    page.mouse.move(bar.bounding_box()["x"], bar.bounding_box()["y"] + 76, steps=4)
    page.mouse.up()
    settle(page)
    assert number(bar.get_attribute("aria-valuetext")) < 0.8
    canvas = page.locator(".live-stage canvas").bounding_box()
    page.mouse.click(canvas["x"] + 200, canvas["y"] + 60)
    settle(page)
    assert bar.get_attribute("aria-label") != "Gradient at step 4"


def test_an_edit_after_silence_keeps_the_silence(show):
    page = show("stepper", "#stepper?preset=spike&step=6001")
    assert "step 3.16 η" in label(page)
    press(page, page.locator(".live-handle"), "ArrowUp")
    assert page.locator(".live-for-preset select").input_value() == "your own"
    assert "at step 6001" in label(page) and "step 3.16 η" in label(page)


# ---------------------------------------------------------------------------- share


def test_reset_restores_everything(show):
    page = show("full")
    before, words = pixels(page), page.locator(".live-control:visible").all_inner_texts()
    press(page, page.locator(".live-handle"), "ArrowLeft", "ArrowUp")
    press(page, slider(page, "step t"), "ArrowLeft")
    press(page, slider(page, "step size η"), "ArrowRight")
    page.locator(".live-for-schedule select").select_option("cosine")
    page.get_by_role("button", name="sign step").click()
    assert pixels(page) != before
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert page.locator(".live-control:visible").all_inner_texts() == words
    assert pixels(page) == before


def test_a_copied_link_carries_the_very_setting(folder, browser, show):
    first = watched_page(browser, permissions=["clipboard-read", "clipboard-write"])
    page = show("full", on=first)
    press(page, slider(page, "step size η"), "ArrowRight", "ArrowRight")
    press(page, page.locator(".live-handle"), "ArrowLeft")
    page.locator(".live-for-surface select").select_option("rosenbrock")
    page.get_by_role("button", name="sign step").click()
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("document.querySelector('.live-note').textContent === 'Link copied'")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert "#full?" in link and "surface=rosenbrock" in link and "shown=adam" in link
    wanted, words = pixels(page), page.locator(".live-control:visible").all_inner_texts()
    second = show("full", "#" + link.split("#")[1])
    assert second.locator(".live-control:visible").all_inner_texts() == words
    assert label(second) == label(first)
    assert pixels(second) == wanted
    first.context.close()


@pytest.mark.parametrize(
    "query",
    [
        "lr=0.2&nonsense=3&_esm=throw 1&spec=x",
        "lr=0.2&seed=x",
        "lr=0.2&surface=elsewhere",
        "lr=0.2&start=9,9",
    ],
)
def test_an_address_changes_known_settings_only(show, query):
    page = show("full", "#full?" + query)
    assert slider(page, "step size η").get_attribute("aria-valuetext") == "0.2"
    expected = show("full", "#full?lr=0.2")
    assert label(expected).startswith("ravine from (1, 1)")


def test_an_address_is_held_to_the_limits(show):
    page = show("full", "#full?lr=1e9&step=-4&eps=0")
    assert slider(page, "step size η").get_attribute("aria-valuetext") == "10"
    assert page.locator(".live-count").inner_text() == "step 0 of 60"


@pytest.mark.parametrize("value", ["0.3", "0"])
def test_an_address_may_stand_between_whole_limits(show, value):
    """A decay that begins at 1, from 0 to 1, is a number all the same."""
    page = show("decay", f"#decay?weight_decay={value}")
    told = slider(page, "weight decay λ").get_attribute("aria-valuetext")
    assert float(told) == float(value)


def test_in_jupyterlab_the_button_copies_the_call(browser, show):
    lab = watched_page(browser, permissions=["clipboard-read", "clipboard-write"])
    lab.add_init_script(
        "addEventListener('DOMContentLoaded', () => (document.body.dataset.jpThemeLight = 'true'))"
    )
    page = show("full", on=lab)
    press(page, slider(page, "step size η"), "ArrowRight")
    page.get_by_role("button", name="Copy call").click()
    page.wait_for_function(
        "document.querySelector('.live-note').textContent === 'Python call copied'"
    )
    text = page.evaluate("navigator.clipboard.readText()")
    again = eval(text, {"live": live, "sign_step": sign_step})  # our own text
    assert again.view.lr == 0.101
    assert again.view.spec["defaults"].keys() == figures()["full"].view.spec["defaults"].keys()
    assert again.view.spec["arguments"] == figures()["full"].view.spec["arguments"]
    lab.context.close()


def test_downloads(show):
    page = show("race")
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    assert got.value.suggested_filename == "race.csv"
    rows = list(csv.reader(io.StringIO(got.value.path().read_text())))
    assert len(rows) == 102 and rows[0][:2] == ["step", "gradient descent: x"]
    truth = run("adam", surfaces.ravine, (1, 1), 100, lr=0.1)
    np.testing.assert_allclose(
        np.array(rows[1:], float)[:, 7:9], truth.theta, rtol=1e-12, atol=1e-14
    )
    with page.expect_download() as got:
        page.get_by_role("button", name="Picture").click()
    data = got.value.path().read_bytes()
    assert got.value.suggested_filename == "race.png" and data[:4] == b"\x89PNG"
    wide = int.from_bytes(data[16:20], "big")
    assert wide == 2 * page.locator(".live-stage").evaluate("s => s.clientWidth")


def test_the_table_of_values(show):
    page = show("race")
    page.get_by_text("Table of values").click()
    page.wait_for_selector(".live-values td")
    rows = page.locator(".live-values tbody tr")
    assert rows.first.locator("th").inner_text() == "0"
    assert rows.last.locator("th").inner_text() == "100"
    assert page.locator(".live-values caption").inner_text() == label(page)


# ---------------------------------------------------------------------------- looks and manners


def test_a_change_of_theme_redraws(show):
    page = show("race")
    light = pixels(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    dark = pixels(page)
    assert dark != light
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    settle(page)
    assert pixels(page) == light
    # JupyterLab says it another way
    page.evaluate(
        "delete document.documentElement.dataset.theme;document.body.dataset.jpThemeLight = 'false'"
    )
    settle(page)
    assert pixels(page) == dark


def test_out_of_sight_out_of_work(show):
    page = show("all")
    drawn = "[...document.querySelectorAll('.live')].map(e => +e.dataset.n || 0)"
    assert not any(page.evaluate(drawn)[1:])
    page.evaluate("document.querySelectorAll('.live')[2].scrollIntoView()")
    page.wait_for_function("document.querySelectorAll('.live')[2].dataset.n > 0")
    settle(page)
    counts = page.evaluate(drawn)
    page.evaluate("document.querySelector('.noUi-handle').focus({preventScroll: true})")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    after = page.evaluate(drawn)
    assert after[0] == counts[0] and after[1] == 0 and after[2] > counts[2]


def test_a_figure_is_dressed_before_it_is_seen(folder, browser, show):
    dark = watched_page(browser, color_scheme="dark")
    page = show("all", on=dark)
    names = list(figures())
    page.wait_for_function(f"document.querySelectorAll('.live').length === {len(names)}")
    page.evaluate("delete document.documentElement.dataset.theme")
    settle(page)
    unseen = page.evaluate("""[...document.querySelectorAll('.live-figure')].map(f => ({
      n: +f.querySelector('.live').dataset.n || 0, dark: f.classList.contains('live-dark'),
      scheme: f.querySelector('.live').dataset.scheme,
      label: f.querySelector('.live-stage canvas').getAttribute('aria-label'),
      play: f.querySelector('.live-play')?.getAttribute('aria-label'),
      readout: f.querySelector('.live-for-lr .widget-readout')?.textContent,
      hidden: f.querySelectorAll('.live-off').length}))""")
    assert [f["n"] for f in unseen][1:] == [0] * (len(unseen) - 1)
    for f in unseen:
        assert f["dark"] and f["scheme"] == "dark"
        assert f["play"] in ("Play", None)
        assert f["label"] and ("step" in f["label"])
    assert unseen[names.index("cliff")]["readout"] == "0.019802"
    assert all(unseen[names.index(name)]["hidden"] for name in ("race", "rate"))
    assert TROUBLE[dark] == []
    dark.context.close()


def test_two_figures_of_a_kind_have_names_of_their_own(show, site):
    page = show("twins", site=site)
    names = page.evaluate("""[...document.querySelectorAll('section.live, [role=region]')]
      .map(e => e.getAttribute('aria-label'))""")
    assert len(names) == 8 and len(set(names)) == 8
    for summary in page.get_by_text("Table of values").all():
        summary.click()
    settle(page)
    found = axe(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("which", ["cliff", "rate", "stepper"])
def test_a_key_after_a_pause_is_drawn_in_the_same_task(show, which):
    page = show(which)
    page.locator(".noUi-handle:visible").first.focus()
    page.evaluate("""() => {
      window.requestAnimationFrame = () => 1;  // and no frame ever comes
      window.waits = [];
      let start;
      addEventListener('keydown', () => (start = performance.now()), true);
      new MutationObserver(() => waits.push(document.querySelector('.live').dataset.drawn - start))
        .observe(document.querySelector('.live'), {attributeFilter: ['data-drawn']});
    }""")
    for key in ["ArrowLeft", "ArrowRight"] * 3:
        page.wait_for_timeout(60)
        page.keyboard.press(key)
    page.wait_for_timeout(60)
    waits = page.evaluate("waits")
    assert len(waits) == 6, "a drawing waited for a frame"
    assert min(waits) > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", EVERY)
def test_accessible(show, site, which, theme):
    page = show(which, site=site)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.get_by_text("Table of values").click()
    settle(page)
    found = axe(page)
    assert not found, "\n".join(found)


def test_print_is_light_and_without_controls(show):
    page = show("race")
    light = pixels(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    page.emulate_media(media="print")
    settle(page)
    assert pixels(page) == light
    assert not page.locator(".live-controls").is_visible()


def test_without_scripts_a_picture_stands_there(folder, browser, show):
    bare = watched_page(browser, java_script_enabled=False)
    bare.goto(f"{folder.as_uri()}/rate.html")
    box = bare.locator("img").bounding_box()
    assert box["width"] > 500 and box["height"] > 200
    bare.context.close()
    page = show("rate")
    assert page.locator("img").count() == 0 and not page.locator(".text_html").is_visible()


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=7)
