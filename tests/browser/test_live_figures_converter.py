"""The converter in a browser: menus, numbers, the two calls, and the reasons."""

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

from optlib import conversions, live
from optlib.live.converter import distance, paths

EVERY = ["decay", "rates"]


def figures():
    return {
        "decay": live.converter(name="decay"),
        "rates": live.converter("torch.optim.SGD", "keras", name="rates", changes=True),
    }


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    return write_pages(built, tmp_path_factory.mktemp("converter"), figures())


@pytest.fixture
def show(browser, folder):
    yield from showing(browser, folder)


def panel(page):
    return page.locator(".live-panel").inner_text()


def choose(page, which, option):
    page.locator(f".live-for-{which} select").select_option(option)
    settle(page)


def test_first_sight_is_the_table(show):
    page = show("decay")
    for c in conversions.into("torch.optim.AdamW", "papers"):
        assert c.target in panel(page)
        assert all(words in panel(page) for words in (c.call,) if words)
        assert all(words in panel(page) for words in c.reasons)
    shown, mine, found, hasty = paths("torch.optim.AdamW", "papers")
    rows = legend(page)
    assert number(rows["torch.optim.AdamW"][0]) == pytest.approx(mine[-1, 0], rel=1e-3)
    assert number(rows[f"{shown.target}, same numbers"][1]) == pytest.approx(
        distance(mine, hasty), rel=6e-2
    )
    assert distance(mine, found) < 1e-12
    assert (
        rows[f"{shown.target}, converted"][1] == "none"
        or "e−1" in (rows[f"{shown.target}, converted"][1])
    )


def test_every_control_of_a_source_moves_the_picture(show):
    page = show("rates")
    arguments = conversions.get("torch.optim.SGD").arguments
    assert move_every_control(page) == {"source", "target", "changes", "size", *arguments}


def test_a_new_source_brings_its_own_defaults_and_controls(show):
    page = show("decay")
    choose(page, "source", "timm.optim.Lamb")
    visible = page.locator(".live-control:visible").all()
    names = {c.get_attribute("class").split("live-for-")[1].split()[0] for c in visible}
    arguments = conversions.get("timm.optim.Lamb").arguments
    assert names == {"source", "target", "changes", "size", *arguments}
    assert conversions.write_call("timm.optim.Lamb", arguments) in panel(page)
    choose(page, "target", "optax")
    assert "optax.chain(optax.clip_by_global_norm(1), optax.lamb(" in panel(page)
    press(page, slider(page, "clip at norm"), "Home")
    assert "clip_by_global_norm" not in panel(page) and "max_grad_norm=None" in panel(page)


def test_a_schedule_makes_the_difference(show):
    page = show("rates")
    assert "no constant settings" in panel(page) and "no constant settings" in label(page)
    assert "converted" not in " ".join(legend(page))
    page.locator(".live-for-changes input").click()
    settle(page)
    assert "keras.optimizers.SGD(learning_rate=0.001, momentum=0.9)" in panel(page)
    assert "Equal while η is constant" in panel(page)


def test_a_library_without_the_method_says_so(show):
    page = show("decay")
    choose(page, "target", "timm")
    assert "The table has no other Adam of timm." in panel(page)
    assert "nothing in timm" in label(page)


def test_calls_are_copied_by_key(show):
    page = show("decay")
    button = page.locator(".live-panel button").first
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.live-panel').innerText.includes('copied')")
    assert button.get_attribute("aria-label").startswith("Copy torch.optim.AdamW(params, lr=0.001")


def test_reset_link_and_table(show):
    page = show("rates", "#rates?source=optax.rmsprop&target=torch&eps=0&lr=0.05&beta2=0.9")
    assert "torch.optim.RMSprop(params, lr=0.05, alpha=0.9, eps=0)" in panel(page)
    page.locator(".live-values summary").click()
    settle(page)
    rows = page.locator(".live-values tbody tr").all_inner_texts()
    assert len(rows) == sum(d.family == "RMSProp" for d in conversions.DIALECTS.values()) - 1
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert pixels(page) == pixels(show("rates"))


@pytest.mark.parametrize("which", EVERY)
def test_it_fits_a_phone_and_changes_with_the_theme(show, which):
    fits_a_phone_and_follows_the_theme(show, which)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(show, site, theme):
    is_accessible(show, site, EVERY, theme)


@pytest.mark.parametrize("which", EVERY)
def test_random_events(show, which):
    bear_random_events(show(which), EVENTS, seed=23)
