"""The surface in three dimensions in a browser: by graphics card and by canvas alone."""

import base64
import io

import numpy as np
import pytest
from conftest import CHROMIUM, EVENTS, TROUBLE, assert_clean, axe, watched_page
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
from PIL import Image

from optlib import live, run, surfaces

# Chromium without a graphics card plays one; these switches let it draw the page that way too, and
# the figure, which refuses a card that is played, hears another name.
CARD = ["--use-gl=angle", "--use-angle=swiftshader"]
NAMED = """
const card = WebGL2RenderingContext.prototype, before = card.getParameter;
card.getParameter = function (key) {
  return key === this.RENDERER || key === 37446 ? "a card" : before.call(this, key);
};
const make = HTMLCanvasElement.prototype.getContext;
window.contexts = [];
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  const made = make.call(this, kind, ...rest);
  if (kind === "webgl2" && made) window.contexts.push(made);
  return made;
};
"""


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(
        built, tmp_path_factory.mktemp("playground"), {"playground": live.playground()}
    )


@pytest.fixture(scope="module")
def card(browser):
    """A second Chromium, whose pages have a graphics card."""
    second = browser.browser_type.launch(executable_path=CHROMIUM, args=CARD)
    yield second
    second.close()


@pytest.fixture
def show(request, folder):
    """show("card") or show("canvas") opens the figure in a page of its own."""
    pages = []

    def go(kind, hash="", site=folder.as_uri(), **options):
        # a browser is started only where it is asked for
        chromium = request.getfixturevalue("card" if kind == "card" else "browser")
        page = watched_page(chromium, **options)
        if kind == "card":
            page.add_init_script(NAMED)
        pages.append(page)
        page.goto(f"{site}/playground.html{hash}")
        page.wait_for_selector(".live[data-n]")
        settle(page)
        expected = "webgl" if kind == "card" else "canvas"
        assert page.get_attribute(".live-orbit", "data-drawn") == expected
        return page

    yield go
    for page in pages:
        assert_clean(page)
        page.context.close()


@pytest.fixture(params=["card", "canvas"])
def kind(request):
    return request.param


def turned(page):
    return page.get_attribute(".live-orbit", "aria-valuetext")


def scene(page):
    """The picture of the surface as an array (height, width, 4)."""
    data = base64.b64decode(pixels(page).split(",")[1])
    pad = page.locator(".live-orbit")
    size = pad.evaluate("p => [p.clientWidth, p.clientHeight]")
    return np.array(Image.open(io.BytesIO(data)).convert("RGBA"))[: size[1], : size[0]].astype(int)


def alike(one, other):
    """The same picture but for rounding: a card need not draw the last bit twice alike."""
    return np.abs(one - other).mean() < 0.2


# ---------------------------------------------------------------------------- what it shows


def test_first_sight_is_what_numpy_computes(show, kind):
    page = show(kind)
    start = np.array([0, -3])
    expected = {
        "gradient descent": run("gradient_descent", surfaces.himmelblau, start, 120, lr=0.01),
        "momentum": run("momentum", surfaces.himmelblau, start, 120, lr=0.01),
        "Adam": run("adam", surfaces.himmelblau, start, 120, lr=0.2),
    }
    shown = legend(page)
    assert list(shown) == list(expected)
    for name, truth in expected.items():
        x, y, _ = map(number, shown[name])
        np.testing.assert_allclose([x, y], truth.theta[-1], atol=6e-4)
    assert "after 120 steps" in label(page)


def test_both_ways_draw_the_same_surface(show):
    low, size = "#playground?elevation=14.5&shown=adam", {"width": 800, "height": 900}
    pictures = [scene(show(kind, low, viewport=size)) for kind in ("card", "canvas")]
    on = [(p[..., 3] > 200) & (p[..., 2] > p[..., 0] + 15) for p in pictures]
    assert 0.1 < on[0].mean() < 0.7, "the surface is blue and fills a good part"
    assert (on[0] ^ on[1]).mean() < 0.08
    both = on[0] & on[1]
    assert np.abs(pictures[0][both] - pictures[1][both]).mean() < 9


def test_no_hill_hides_a_path(show, kind):
    # Adam's minimum lies behind the rim: its markers there make 320 pixels, with the line 450.
    page = show(kind, "#playground?elevation=12.5&azimuth=30.5&shown=adam")
    red, green, blue, _ = np.moveaxis(scene(page), 2, 0)
    assert ((red > green + 25) & (blue > green + 25)).sum() > 390


def test_divergence_is_told(show):
    page = show("canvas", "#playground?gradient_descent_lr=0.2")
    end = run("gradient_descent", surfaces.himmelblau, (0, -3), 120, lr=0.2)
    assert end.diverged
    assert legend(page)["gradient descent"][0] == f"diverged at step {end.diverged}"
    assert f"diverged at step {end.diverged}" in label(page)


# ---------------------------------------------------------------------------- every control


def test_every_control_moves_the_picture(show, kind):
    page = show(kind)
    press(page, slider(page, "step t"), *["ArrowLeft"] * 110)
    moved = {"step"}
    for option in page.locator(".live-for-tune option").all_inner_texts():
        page.locator(".live-for-tune select").select_option(option)
        settle(page)
        rates = page.locator(".live-control:visible").filter(has_text="step size η")
        assert rates.count() == 1
        rule = "_".join(option.lower().split())
        assert f"live-for-{rule}_lr" in rates.get_attribute("class")
        before = pixels(page), legend(page)
        press(page, slider(page, "step size η"), *["ArrowLeft"] * 5)
        after = pixels(page), legend(page)
        assert after[0] != before[0] and after[1] != before[1], option
        moved.add(rule)
    for option in page.locator(".live-for-surface option").all_inner_texts()[1:]:
        before = seen(page)
        page.locator(".live-for-surface select").select_option(option)
        settle(page)
        assert all(a != b for a, b in zip(seen(page), before)), option
    before = seen(page)
    press(page, slider(page, "step t"), "ArrowRight", "ArrowRight")
    assert all(a != b for a, b in zip(seen(page), before))
    assert moved == {"step", "gradient_descent", "momentum", "adam"}


def test_a_surface_brings_its_scene_and_coming_back_restores(show):
    page = show("canvas")
    before, words = pixels(page), legend(page)
    page.locator(".live-for-surface select").select_option("rosenbrock")
    settle(page)
    truth = run("adam", surfaces.rosenbrock, surfaces.rosenbrock.start, 120,
                lr=live.playground().view.spec["scenes"]["rosenbrock"]["adam_lr"])  # fmt: skip
    np.testing.assert_allclose(
        [number(v) for v in legend(page)["Adam"][:2]], truth.theta[-1], rtol=1e-2
    )
    page.locator(".live-for-surface select").select_option("himmelblau")
    settle(page)
    assert legend(page) == words and pixels(page) == before


def test_the_legend_takes_an_optimizer_out_and_back(show):
    page = show("canvas")
    before = pixels(page)
    button = page.get_by_role("button", name="momentum")
    button.click()
    settle(page)
    assert button.get_attribute("aria-pressed") == "false" and pixels(page) != before
    button.click()
    settle(page)
    assert pixels(page) == before


# ---------------------------------------------------------------------------- turning, zooming


def test_keys_turn_and_zoom(show, kind):
    page = show(kind)
    orbit = page.locator(".live-orbit")
    first, words = scene(page), turned(page)
    assert words == "turned −24.5 degrees, from 50.5 degrees above, zoom 1"
    for key, expected in [
        ("ArrowRight", "turned −19.5 degrees, from 50.5"),
        ("ArrowDown", "turned −19.5 degrees, from 45.5"),
        ("Shift+ArrowLeft", "turned −34.5 degrees, from 45.5"),
        ("+", "zoom 1.1"),
        ("-", "zoom 1"),
        ("ArrowUp", "from 50.5 degrees above, zoom 1"),
    ]:
        before = pixels(page)
        press(page, orbit, key)
        assert expected in turned(page) and pixels(page) != before, key
    press(page, orbit, *["ArrowUp"] * 12)
    assert "from 89.5 degrees" in turned(page)
    press(page, orbit, *["Shift+ArrowRight"] * 16)
    assert turned(page).startswith("turned −154.5"), "it goes round"
    press(page, orbit, *["-"] * 12)
    assert turned(page).endswith("zoom 0.5")
    press(page, orbit, "Home")
    assert turned(page) == words and alike(scene(page), first)


def test_the_mouse_turns_and_the_wheel_zooms_once_the_view_has_the_focus(show):
    page = show("canvas")
    box = page.locator(".live-orbit").bounding_box()
    middle = box["x"] + 200, box["y"] + 200
    page.mouse.move(*middle)
    page.mouse.wheel(0, -120)
    settle(page)
    assert turned(page).endswith("zoom 1"), "the page scrolls"
    page.evaluate("scrollTo(0, 0)")
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1] + 10, steps=4)
    page.mouse.up()
    settle(page)
    assert turned(page) == "turned −44.5 degrees, from 55.5 degrees above, zoom 1"
    page.mouse.wheel(0, -120)
    page.wait_for_function(
        "document.querySelector('.live-orbit').ariaValueText.endsWith('zoom 1.2')"
    )
    for name in ("Zoom out", "Zoom in", "First view"):
        before = pixels(page)
        page.get_by_role("button", name=name).click()
        settle(page)
        assert pixels(page) != before, name
    assert turned(page).startswith("turned −24.5")


def test_fingers_turn_and_pinch(show):
    page = show("canvas", viewport={"width": 390, "height": 844}, has_touch=True)
    fingers = """(moves) => {
      const pad = document.querySelector(".live-orbit"), box = pad.getBoundingClientRect();
      pad.setPointerCapture = () => {};
      for (const [type, id, x, y] of moves) pad.dispatchEvent(new PointerEvent(type, {pointerId: id,
        pointerType: "touch", bubbles: true, clientX: box.x + x, clientY: box.y + y}));
    }"""
    page.evaluate(
        fingers, [["pointerdown", 1, 100, 100], ["pointermove", 1, 80, 100], ["pointerup", 1, 0, 0]]
    )
    settle(page)
    assert turned(page).startswith("turned −14.5 degrees")
    pinch = [["pointerdown", 1, 100, 100], ["pointerdown", 2, 199, 100],
             ["pointermove", 2, 299, 100], ["pointerup", 1, 0, 0], ["pointerup", 2, 0, 0],
             ["pointermove", 2, 0, 0]]  # fmt: skip
    page.evaluate(fingers, pinch)
    settle(page)
    assert turned(page) == "turned −14.5 degrees, from 50.5 degrees above, zoom 2"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas = page.locator(".live-stage canvas").bounding_box()
    assert canvas["height"] > 1.4 * canvas["width"], "on a phone the map stands below"
    assert page.locator(".live-orbit").evaluate("p => p.style.touchAction") == "pan-y"
    page.locator(".live-orbit").focus()
    assert page.locator(".live-orbit").evaluate("p => p.style.touchAction") == "none"


# ---------------------------------------------------------------------------- start, step, share


def test_the_start_moves_on_the_map(show):
    page = show("canvas")
    start, before = page.locator(".live-handle"), scene(page)
    assert start.get_attribute("aria-valuetext") == "x 0, y −3"
    press(page, start, "ArrowRight")
    assert start.get_attribute("aria-valuetext") == "x 0.1, y −3"
    assert (scene(page) != before).any()
    box = start.bounding_box()
    page.mouse.move(box["x"] + 16, box["y"] + 16)
    page.mouse.down()
    page.mouse.move(box["x"] + 56, box["y"] - 44, steps=4)
    page.mouse.up()
    settle(page)
    after = start.bounding_box()
    assert (after["x"], after["y"]) == pytest.approx((box["x"] + 40, box["y"] - 60), abs=1.5)
    canvas = page.locator(".live-stage canvas").bounding_box()
    page.mouse.click(after["x"] + 50, after["y"] + 100)
    settle(page)
    assert start.bounding_box()["x"] == pytest.approx(after["x"] + 34, abs=1.5)
    orbit = page.locator(".live-orbit").bounding_box()
    assert orbit["width"] < 0.7 * canvas["width"], "the map is beside the surface"


def test_scrub_and_play(show):
    page = show("canvas")
    press(page, slider(page, "step t"), "Home")
    at_start = pixels(page)
    assert {row[2] for row in legend(page).values()} == {legend(page)["Adam"][2]}
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("+document.querySelector('.live-count').textContent.split(' ')[1] > 4")
    page.get_by_role("button", name="Pause").click()
    settle(page)
    assert pixels(page) != at_start


def test_reset_and_a_link_carry_view_and_all(show):
    page = show("canvas", permissions=["clipboard-read", "clipboard-write"])
    first = pixels(page)
    press(page, page.locator(".live-orbit"), "ArrowLeft", "+")
    press(page, page.locator(".live-handle"), "ArrowUp")
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("document.querySelector('.live-note').textContent === 'Link copied'")
    page.locator(".live-handle").focus()
    settle(page)
    wanted, words, link = pixels(page), turned(page), page.url
    again = show("canvas", "#" + link.split("#")[1])
    assert turned(again) == words and pixels(again) == wanted != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == first


def test_the_picture_shows_the_surface_at_twice_the_size(show, kind):
    page = show(kind)
    before = scene(page)
    with page.expect_download() as got:
        page.get_by_role("button", name="Picture").click()
    data = got.value.path().read_bytes()
    wide = int.from_bytes(data[16:20], "big")
    assert data[:4] == b"\x89PNG"
    assert wide == 2 * page.locator(".live-stage").evaluate("s => s.clientWidth")
    pad = page.locator(".live-orbit")
    size = pad.evaluate("p => [2 * p.clientWidth, 2 * p.clientHeight]")
    found = Image.open(io.BytesIO(data)).convert("RGB").crop((0, 0, *size)).reduce(2)
    drawn = before[..., 3] == 255
    assert np.abs(np.array(found)[drawn] - before[drawn][:, :3]).mean() < 6
    press(page, page.locator(".live-orbit"), "ArrowLeft", "ArrowRight")
    assert alike(scene(page), before)


# ---------------------------------------------------------------------------- looks and manners


def test_a_change_of_theme_redraws(show, kind):
    page = show(kind)
    light = scene(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    dark = scene(page)
    blue = light[..., 2] > light[..., 0] + 15
    assert dark[blue][:, :3].mean() < light[blue][:, :3].mean() - 60


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, site, theme):
    page = show("canvas", site=site)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    settle(page)
    assert page.get_attribute(".live-orbit", "aria-label") == "View"
    found = axe(page)
    assert not found, "\n".join(found)


def test_it_comes_back_when_the_card_is_taken_away(show):
    page = show("card")
    before = scene(page)
    page.evaluate("contexts.at(-1).getExtension('WEBGL_lose_context').loseContext()")
    page.wait_for_function("contexts.at(-1).isContextLost()")
    press(page, page.locator(".live-orbit"), "ArrowLeft", "ArrowRight")
    assert alike(scene(page), before)
    assert page.evaluate("contexts.map(c => c.isContextLost())") == [True, False]
    TROUBLE[page][:] = [t for t in TROUBLE[page] if "CONTEXT_LOST" not in t]


def test_twenty_renders_leave_no_context_behind(show):
    page = show("card")
    page.evaluate(
        """async () => {
          const widgets = JSON.parse(document.querySelector("[type$='state+json']").textContent);
          const {state} = Object.values(widgets.state).find((m) => m.state._esm);
          const module = await import(URL.createObjectURL(new Blob([state._esm], {type: "text/javascript"})));
          for (let k = 0; k < 20; k++) {
            const values = {...state, ...state.spec.defaults}, el = document.createElement("div");
            const text = (id) => widgets.state[id].state.text;
            const model = {get: (n) => values[n], set: (n, v) => (values[n] = v), on() {}, off() {},
              save_changes() {}, widget_manager: {get_model: (id) => ({get: () => text(id)})}};
            document.querySelector("main").prepend(el);
            const stop = await module.default.render({model, el});
            for (let i = 0; i < 60 && !el.querySelector(".live[data-n]"); i++)
              await new Promise(requestAnimationFrame);
            if (el.querySelector(".live-orbit").dataset.drawn !== "webgl") throw Error("not drawn");
            stop();
            el.remove();
          }
        }"""  # noqa: E501
    )
    lost = page.evaluate("contexts.map((c) => c.isContextLost())")
    assert len(lost) == 21 and lost.count(False) == 1
    TROUBLE[page][:] = [t for t in TROUBLE[page] if "CONTEXT_LOST" not in t]


def test_random_events(show, kind):
    bear_random_events(show(kind), EVENTS, seed=7)
