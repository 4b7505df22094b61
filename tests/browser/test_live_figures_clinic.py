"""The clinic in a browser: runs by menu, diagnoses by mouse and key, nothing told in a link."""

import csv
import re

import pytest
from conftest import EVENTS
from figure_page import (
    bear_random_events,
    fits_a_phone_and_follows_the_theme,
    is_accessible,
    label,
    legend,
    move_every_control,
    pixels,
    settle,
    showing,
    write_pages,
)

from optlib import live
from optlib.live.clinic import CASES, DIAGNOSES

EVERY = ["clinic"]


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    figures = {"clinic": live.clinic(name="clinic")}
    return write_pages(built, tmp_path_factory.mktemp("clinic"), figures)


@pytest.fixture
def show(browser, folder):
    yield from showing(browser, folder)


def number(case):
    """The case's place in the menu, as a link has it."""
    return f"run {list(CASES).index(case) + 1}"


def diagnosis(page, case):
    return page.locator(".live-choice", has_text=DIAGNOSES[case])


def answer(page):
    return page.locator(".live-panel .live-result").inner_text()


def test_first_sight_is_a_run_beside_the_healthy_one(show):
    page = show("clinic")
    shown = legend(page)
    assert list(shown) == ["healthy run", "run 1"]
    assert shown["healthy run"][2].endswith("%")
    assert page.locator(".live-choice").count() == 4 and answer(page) == ""
    assert not any(words in label(page) for words in DIAGNOSES.values())


def test_every_control_moves_the_picture(show):
    assert move_every_control(show("clinic")) == {"run"}


def test_a_wrong_answer_says_why_and_the_right_one_draws_the_remedy(show):
    page = show("clinic", f"#clinic?run={number('bfloat16').replace(' ', '%20')}")
    assert number("bfloat16") in legend(page)
    before = pixels(page)
    diagnosis(page, "lr_low").click()
    settle(page)
    assert answer(page) == "No. " + CASES["bfloat16"][1]["lr_low"]
    assert pixels(page) == before and "repaired" not in legend(page)
    assert diagnosis(page, "lr_low").get_attribute("aria-pressed") == "true"
    diagnosis(page, "bfloat16").click()
    settle(page)
    assert answer(page) == "Yes. " + CASES["bfloat16"][0]
    assert "repaired" in legend(page) and pixels(page) != before
    assert DIAGNOSES["bfloat16"] in label(page)
    assert diagnosis(page, "zero_start").is_disabled()
    count = page.locator(".live-panel .live-note").inner_text()
    assert count == "1 of 12 found, 0 at the first try."


def test_it_is_answered_with_keys_alone(show):
    page = show("clinic")
    case = next(iter(CASES))
    diagnosis(page, case).focus()
    page.keyboard.press("Enter")
    settle(page)
    assert answer(page).startswith("Yes. ")
    assert diagnosis(page, case).evaluate("b => b === document.activeElement"), "focus stays"
    assert (
        page.locator(".live-panel .live-note").inner_text() == "1 of 12 found, 1 at the first try."
    )
    page.get_by_role("button", name="Next run").click()
    settle(page)
    assert answer(page) == "" and "run 2" in legend(page)
    assert page.locator(".live-for-run select").evaluate("s => s.selectedIndex") == 1
    page.locator(".live-for-run select").select_option("run 1")
    settle(page)
    assert answer(page).startswith("Yes. "), "what was found stays found"


def test_a_link_does_not_give_the_answer_away(show):
    page = show("clinic", "#clinic?run=run%203")
    diagnosis(page, list(CASES)[2]).click()
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    link = page.url.split("#")[1]
    assert re.fullmatch(r"clinic\?run=run(%20|\+)3", link)
    again = show("clinic", "#" + link)
    assert "run 3" in legend(again) and answer(again) == ""


def test_the_table_holds_both_runs(show):
    page = show("clinic")
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(got.value.path().read_text().splitlines()))
    assert len(rows) == 51 and len(rows[0]) == 11 and rows[1][0] == "8"
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert page.locator("[data-failed]").count() == 0


def test_it_fits_a_phone_and_follows_the_theme(show):
    fits_a_phone_and_follows_the_theme(show, "clinic")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible(show, site, theme):
    is_accessible(show, site, EVERY, theme)


def test_it_survives_random_events(show):
    page = show("clinic")
    page.locator(".live-choice").first.focus()
    bear_random_events(page, min(EVENTS, 100), 11)
