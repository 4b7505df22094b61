"""Predict first, then see: by pointer, by keys, and what stays hidden until then."""

import re
from types import SimpleNamespace

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
    settle,
    slider,
    write_pages,
)

from optlib import live, rule, rules, run, schedules, surfaces
from optlib.live.noise_floor import least_squares, sgd_rows
from optlib.live.rate_map import factor
from optlib.live.schedule_designer import effect
from optlib.live.spectrum import descend, rates, steady
from optlib.live.trust import LAYERS, relative_steps
from optlib.rule import Rule


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


# ---------------------------------------------------------------------------- every figure
# Of each a twin that differs from it in nothing but what is asked. While they ask, nobody can tell
# them apart: not by the picture, the words, the legend or the table.


@rule
def slowed(theta, g, *, t, lr=0.01):
    theta = theta - lr / 50 * g
    return theta


def disguised(other, name):
    twin = Rule(other.fn, other.at)  # a copy of a rule is the rule itself
    twin.name = name
    return twin


def case(make, plain, twin, truth, change, aside="step t", axis=(None, None)):
    """make(plain) is the figure, make(twin) its twin; a text "old -> new" is changed in its page.

    truth : x, as the table has them -> y. change : a control whose change takes the prediction
    away; aside : one whose change does not. axis : its ends, where the truth goes beyond them.
    """
    return SimpleNamespace(**locals())


def expected_loss(steps):
    """The loss of gradient descent on curvatures 1 and 100, noise 2, step size 0.004."""
    lr, total = 0.004, 0
    for curvature in (1, 100):
        mean, variance = curvature**-0.5, 0
        losses = [0.5]
        for _ in range(int(max(steps))):
            mean, variance = mean * (1 - lr * curvature), variance * (1 - lr * curvature) ** 2
            variance += (2 * lr) ** 2
            losses.append(curvature * (mean**2 + variance) / 2)
        total = total + np.array(losses)[np.int_(steps)]
    return total


def left_over(columns):
    """How far SGD with 100 rows ends above the least loss: the mean of the last tenth."""
    found = []
    for d in np.int_(columns):
        x, y = least_squares(100, d, 0.5, 100, 300)
        path = sgd_rows(x, y, 0.5, 1, 1000, 100)[::2]
        above = (((path - np.linalg.lstsq(x, y)[0]) @ x.T) ** 2).mean(1) / 2
        found.append(above[450:].mean())
    return found


def reddi_game(times):
    h = {**rules.adam.hyper, "beta1": 0.0, "beta2": 0.06}
    theta, state, path = 0.0, rules.adam.init(0.0), [0.0]
    for t in range(1, 301):
        g = 4.0 if t % 3 == 1 else -1.0
        theta, state = rules.adam.step(theta, g, state, t, {**h, "lr": 0.5 / t**0.5})
        theta = min(1.0, max(-1.0, theta))
        path.append(theta)
    return np.array(path)[np.int_(times)]


def descended(lr):
    return descend(
        rules.adagrad,
        np.atleast_1d(lr),
        weights=(1, 100),
        angle=0,
        start=(1, 0.6),
        steps=200,
        hyper={},
    )[0]


def steps_needed(lr):
    grid = np.array(rates(1e-3, 1e5))
    near = grid[np.abs(np.log(grid / np.reshape(lr, (-1, 1)))).argmin(1)]
    return np.nan_to_num(steady(descended(near), 1e-3), nan=np.inf)


def powers(times):
    matrix = np.array([[0.9, 1.0], [0.0, 0.9]])
    return [np.linalg.norm(np.linalg.matrix_power(matrix, int(k)) @ [0, 1]) for k in times]


def recorded(best):
    def loss(lr, beta, seed):
        return 1 + (lr != best[0]) * lr + (beta != best[1]) + seed / 10

    return [
        {"lr": lr, "beta": beta, "loss": loss(lr, beta, seed)}
        for lr in (0.1, 0.2, 0.5, 1.0)
        for beta in (0.0, 0.5, 0.9)
        for seed in range(3)
    ]


RACE = {"surface": "ravine", "lr": 0.01, "steps": 60, "predict": "path"}
CASES = {
    "descent": case(
        lambda r: live.descent(
            ("gradient_descent", r), name="n", lr=0.0198, beta=0.67, predict="loss"
        ),
        "momentum",
        disguised(rules.nesterov, "momentum"),
        lambda t: truth().loss[np.int_(t)],
        "momentum β",
    ),
    "rate_map": case(
        lambda _: live.rate_map(
            "momentum",
            name="n",
            lr=1.5,
            beta=0.5,
            show=("map", "path"),
            predict="path",
        ),
        None,
        "const now = (a * a -> const now = 1e9 * (a * a",
        lambda t: (
            (found := run("momentum", surfaces.ravine, (1, 1), 100, lr=0.015, beta=0.5).loss)[
                np.int_(t)
            ]
            / found[0]
        ),
        "momentum β",
    ),
    "rate": case(
        lambda r: live.rate(r, name="n", beta=0.5, predict="factor"),
        "momentum",
        disguised(rules.nesterov, "momentum"),
        lambda lr: np.maximum(
            factor(rules.momentum, lr / 100, 0.5), factor(rules.momentum, lr, 0.5)
        ),
        "momentum β",
        "step size ηL",
    ),
    "stepper": case(
        lambda beta: live.stepper("momentum", name="n", beta=beta, controls=("lr",), predict="run"),
        0.9,
        0.2,
        lambda t: (1 - 0.9**t) / 0.1,
        "step size η",
    ),
    "game": case(
        lambda eps: live.stepper(
            preset="reddi", name="n", eps=eps, controls=("lr",), predict="run"
        ),
        1e-8,
        0.5,
        reddi_game,
        "step size η",
    ),
    "noise_floor": case(
        lambda r: live.noise_floor(name="n", rule=r, steps=500, predict="loss"),
        "gradient_descent",
        disguised(slowed, "gradient_descent"),
        expected_loss,
        "batch size B",
    ),
    "least_squares": case(
        lambda _: live.noise_floor("least_squares", name="n", steps=1000, predict="floor"),
        None,
        "= (lr / batch) * -> = (d > 5 ? 0.5 : 1) * (lr / batch) *",
        left_over,
        "batch size B",
        "columns d",
    ),
    "spectrum": case(
        lambda r: live.spectrum(
            ("gradient_descent", r), name="n", lr=0.5, steps=200, predict="loss"
        ),
        "adagrad",
        disguised(rules.rmsprop, "adagrad"),
        lambda t: descended(0.5)[np.int_(t), 0],
        "axes turned",
        axis=(1e-6, None),
    ),
    "rates": case(
        lambda r: live.spectrum(
            ("gradient_descent", r), name="n", lr=0.5, steps=200, predict="rates"
        ),
        "adagrad",
        disguised(rules.rmsprop, "adagrad"),
        steps_needed,
        "axes turned",
        "step size η",
        axis=(1, 200),
    ),
    "schedule_designer": case(
        lambda _: live.schedule_designer(
            name="n", steps=200, lr=0.3, beside_lr=0.2, predict="loss"
        ),
        None,
        "= effect(rate, -> = effect(key[0] === 't' ? rate.map((v) => v / 2) : rate,",
        lambda t: effect(schedules.polynomial(lr=0.3, steps=200)(np.arange(1, 201)))[0][np.int_(t)],
        "step size η",
    ),
    "two_by_two": case(
        lambda _: live.two_by_two(name="n", predict="norm"),
        None,
        "...follow2(m, start, steps) -> ...follow2(m.map((v) => v / 2), start, steps)",
        powers,
        "entry a",
        "step k",
    ),
    "orbit": case(
        lambda _: live.two_by_two(name="n", predict={"what": "orbit", "step": 9}),
        None,
        "...follow2(m, start, steps) -> ...follow2(m.map((v) => v / 2), start, steps)",
        lambda _: np.linalg.matrix_power(np.array([[0.9, 1.0], [0.0, 0.9]]), 9) @ [0, 1],
        "entry a",
        "step k",
    ),
    "playground": case(
        lambda r: live.playground(("gradient_descent", r), name="n", surfaces=(), **RACE),
        "adam",
        disguised(rules.adagrad, "adam"),
        lambda _: run("adam", surfaces.ravine, (1, 1), 6, lr=0.01).theta[-1],
        "step size η",
    ),
    "trust": case(
        lambda r: live.trust(("gradient_descent", r), name="n", step=9, predict="bars"),
        "adam",
        disguised(rules.adagrad, "adam"),
        lambda _: relative_steps(rules.adam, *zip(*LAYERS.values()), steps=9, hyper={"lr": 1e-3})[
            -1
        ],
        "norm spread",
        None,
    ),
    "result_map": case(
        lambda best: live.result_map(
            recorded(best), name="n", x="lr", y="beta", value="loss", predict="best"
        ),
        (0.2, 0.9),
        (0.5, 0.5),
        None,
        None,
        None,
    ),
}


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    folder = write_pages(built, tmp_path_factory.mktemp("predict"), figures())
    for name, c in CASES.items():
        changed = isinstance(c.twin, str) and " -> " in c.twin
        pair = {name: c.make(c.plain), f"{name}-twin": c.make(c.plain if changed else c.twin)}
        write_pages(built, folder, pair)
        if changed:
            path, (old, new) = folder / f"{name}-twin.html", c.twin.split(" -> ")
            text = path.read_text()
            assert text.count(old) == 1
            path.write_text(text.replace(old, new))
    return folder


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


def everything(page):
    """All that the reader can see, or hear, of a figure whose table is open."""
    rings = page.locator(".live-handle").evaluate_all("all => all.map((h) => h.outerHTML)")
    lines = page.locator(".live-figure").inner_text().split("\n")
    said = page.locator(".live > .live-hidden").inner_text()
    if page.locator(
        ".live-ask"
    ).inner_text():  # a screen reader hears it a moment later, or not yet
        assert said in ("", label(page))
        if said:
            del lines[len(lines) - 1 - lines[::-1].index(said)]
    return pixels(page), label(page), rings, [line for line in lines if line]


def by_tab(page, name, key="Enter"):
    """Press a button that is reached with the keyboard alone."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            break
    else:
        raise AssertionError(f"no way to {name}")
    page.keyboard.press(key)
    settle(page)


def judge(page, c):
    """The numbers and the verdict are right: what is true is what NumPy says."""
    page.locator(".live-predict details").evaluate("d => (d.open = true)")
    head = page.locator(".live-predict th[scope=col]").all_inner_texts()
    rows = [
        r.locator("th, td").all_inner_texts() for r in page.locator(".live-predict tbody tr").all()
    ]
    value = np.array([[number(v.replace("∞", "inf")) for v in row[1:]] for row in rows])
    if len(head) == 5:
        (at,) = value
        real = c.truth(None)
        np.testing.assert_allclose(at[2:], real, rtol=6e-3, atol=1e-6)
        off = re.search(r"Off by (\S+) at", verdict(page))[1]
        assert number(off) == pytest.approx(np.hypot(*(at[:2] - real)), rel=0.06)
        return
    names = [row[0] for row in rows]
    x = None if names[0][0].isalpha() else np.array([number(v) for v in names])
    said, real = value.T
    np.testing.assert_allclose(real, c.truth(x), rtol=6e-3, atol=1e-9)
    found = re.search(
        r"at (\d+) of (\d+) points. Your median error is (a factor of )?(\S+)\.$", verdict(page)
    )
    assert int(found[2]) == len(real)
    if found[3]:
        off = np.abs(np.log10(np.clip(said, *c.axis) / np.clip(real, *c.axis)))
        assert int(found[1]) == (off <= np.log10(2)).sum()
        error = 10 ** np.median(off)
    else:
        error = np.median(np.abs(said - real))
    assert number(found[4]) == pytest.approx(error, rel=0.06, abs=0.006)


def truth(steps=100):
    return run("momentum", surfaces.ravine, (1, 1), steps, lr=0.0198, beta=0.67)


@pytest.mark.parametrize("which", CASES)
def test_every_figure_can_ask(show, which):
    c = CASES[which]
    page = show(f"{which}-twin")
    page.get_by_text("Table of values").click()
    page.wait_for_selector(".live-values table", state="attached")
    twin = everything(page)
    click(page, "Show without a guess")
    shown = everything(page)
    page = show(which)
    page.get_by_text("Table of values").click()
    page.wait_for_selector(".live-values table", state="attached")
    first = everything(page)
    assert first == twin, "what is asked can be seen before it is answered"
    assert page.locator(".live-ask").inner_text().startswith("Before you see it: ")
    ring = page.locator(".live-handle").first
    before = ring.get_attribute("aria-valuetext")
    press(page, ring, "ArrowDown", "ArrowDown")
    assert ring.get_attribute("aria-valuetext") != before
    by_tab(page, "Compare")
    if c.truth:
        judge(page, c)
    click(page, "Predict again")
    assert everything(page) == first and verdict(page) == ""
    click(page, "Show without a guess")
    assert [a != b for a, b in zip(everything(page), shown)][0], "the twin is another figure"
    click(page, "Predict again")
    click(page, "Compare")
    if c.aside:
        press(page, slider(page, c.aside), "ArrowLeft")
        assert verdict(page), f"{c.aside} has nothing to do with it"
    if c.change:
        press(page, slider(page, c.change), "ArrowRight")
        assert verdict(page) == "", f"{c.change} has"
    click(page, "Reset")
    assert page.locator(".live-ask").inner_text(), "it asks again"
    page.set_viewport_size({"width": 390, "height": 844})
    bear_random_events(page, EVENTS // 10, 5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_best_cell_is_clicked_and_its_place_told(show):
    page = show("result_map")
    pad = page.locator(".live-pad").bounding_box()
    ring = page.locator(".live-handle")
    page.mouse.click(pad["x"] + 3, pad["y"] + pad["height"] - 3)
    settle(page)
    assert ring.get_attribute("aria-valuetext") == "step size η 0.1, memory β 0"
    press(page, ring, "ArrowRight", "ArrowUp")
    assert ring.get_attribute("aria-valuetext") == "step size η 0.2, memory β 0.5"
    click(page, "Compare")
    assert verdict(page).startswith(
        "You said step size η 0.2, memory β 0.5: loss 2.1 ± 0.25 over 3 runs, number 4 of 12. "
    )
    assert "The best is step size η 0.2, memory β 0.9: loss 1.1" in verdict(page)
    page.get_by_label("memory β", exact=True).select_option("0")
    settle(page)
    assert verdict(page), "another cell of the same map"
    click(page, "Predict again")
    assert page.locator(".live-for-column").is_visible() is False
    press(page, ring, "ArrowUp")
    click(page, "Compare")
    assert verdict(page).startswith("You said step size η 0.5, memory β 0.9")


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
@pytest.mark.parametrize("which", ["loss", "path", "trust", "result_map"])
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
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=7)
