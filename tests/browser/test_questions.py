"""Questions in the page: each answer has its reason, by keyboard, on any screen, unrecorded."""

import json
import re

import pytest
from conftest import AXE, assert_clean, book_pages, need, watched_page
from conftest import visit as visit_whole
from steps import HTML

PAGES = [
    name
    for name in book_pages()
    if 'class="question"' in (HTML / name).read_text(encoding="utf-8", errors="ignore")
]
KINDS = re.compile(r'data-kind="(\w+)"')


def sample():
    """Few of the pages, which together ask in every way: enough for what all questions share."""
    ways = {name: set(KINDS.findall((HTML / name).read_text(encoding="utf-8"))) for name in PAGES}
    chosen, left = [], set().union(*ways.values())
    while left:
        chosen.append(max(PAGES, key=lambda name: len(ways[name] & left)))
        left -= ways[chosen[-1]]
    return chosen


LONG = "a\u00a0long guess " * 20


@pytest.fixture(scope="module", params=PAGES or [None])
def asked(request, browser, book):
    """A page of the book that asks something, opened once: its tests share it."""
    if request.param is None:
        need("A page with questions", "make book SERVE=0")
    page = watched_page(browser, color_scheme="light")
    visit(page, book + request.param)
    yield page
    page.context.close()


@pytest.fixture(params=sample() or [None])
def some(request):
    """A page of the sample."""
    if request.param is None:
        need("A page with questions", "make book SERVE=0")
    return request.param


@pytest.fixture(params=["http", "file"])
def site(request):
    return request.getfixturevalue({"http": "book", "file": "book_file"}[request.param])


def visit(page, address):
    """The page without its figures, which test_book.py looks at."""
    page.route("**/widgets.js", lambda route: route.fulfill(body=PRETEND))
    visit_whole(page, address)


PRETEND = "document.documentElement.dataset.widgets = 'ready'"


def words(text):
    return " ".join(text.split())


def reasons(form):
    """[(right, text)] of the folded answer, one for each option or number."""
    items = form.locator("> details > :is(ol, ul) > li").all()
    read = []
    for item in items:
        classes = item.get_attribute("class")
        label = item.locator(".question-label")
        text = item.text_content().removeprefix(label.text_content() if label.count() else "")
        read.append(("question-right" in classes, words(text)))
    return read


def kind(form):
    return form.get_attribute("data-kind")


def press(form):
    form.locator("button").press("Enter")


def said(form):
    """What stands in the result; maths once, as it is drawn."""
    return words(form.locator(".question-result").text_content())


def answer_something(form):
    """Give any answer, the first option or a number that is met by none."""
    choices = form.locator(".question-options input")
    if choices.count():
        choices.first.check()
    else:
        form.locator("input").fill("987654.5" if kind(form) == "number" else LONG)
    press(form)


def numbers_to_type(form):
    """A text for each reason of a question that asks for a number."""
    numbers = json.loads(form.get_attribute("data-numbers"))
    return ["987654.5" if entry is None else f"{entry[0] + entry[1] / 2:.12g}" for entry in numbers]


def test_every_option_answers_with_its_own_reason(asked):
    forms = asked.locator("form.question").all()
    for form in forms:
        expected = reasons(form)
        for i, (right, reason) in enumerate(expected):
            if kind(form) == "number":
                form.locator("input").fill(numbers_to_type(form)[i])
            elif kind(form) == "one":
                form.locator("input").nth(i).check()
            else:
                for k, box in enumerate(form.locator("input").all()):
                    box.set_checked(k == i)
            press(form)
            assert reason.startswith("Right. " if right else "Not right. ")
            assert reason in said(form)
            others = [other for k, (_, other) in enumerate(expected) if k != i]
            assert not any(other in said(form) for other in others)
            if kind(form) != "number":
                label = words(form.locator("label").nth(i).text_content())
                assert label.endswith("✓ right" if right else "✗ not right")
    assert_clean(asked)


def test_several_are_right_together_only(book, page, some):
    visit(page, book + some)
    for form in page.locator('form.question[data-kind="several"]').all():
        boxes, expected = form.locator("input").all(), reasons(form)
        for box, (right, _) in zip(boxes, expected):
            box.set_checked(right)
        press(form)
        assert said(form).startswith("Right, all of them.")
        wrong = [right for right, _ in expected].index(False)
        boxes[wrong].check()
        press(form)
        count = sum(right for right, _ in expected) + 1
        assert said(form).startswith(f"Not yet: 1 of your {count} not right.")
        boxes[wrong].uncheck()
        boxes[[right for right, _ in expected].index(True)].uncheck()
        press(form)
        assert "1 right one missing" in said(form) or count == 2


def test_a_prediction_shows_its_answer_after_a_guess_only(book, page, some):
    visit(page, book + some)
    for form in page.locator('form.question[data-kind="guess"]').all():
        answer = words(form.locator("> details").text_content().removeprefix("Answer"))
        press(form)
        assert said(form) and answer not in said(form)
        answer_something(form)
        choices = form.locator(".question-options label")
        guess = choices.first.text_content() if choices.count() else LONG
        assert said(form).startswith(f"Your guess: {words(guess)}")
        assert answer in said(form)
    assert_clean(page)


def test_nothing_and_nonsense_are_told_apart_from_wrong(book, page, some):
    visit(page, book + some)
    for form in page.locator('form.question:not([data-kind="guess"])').all():
        press(form)
        assert said(form) in ("Choose first.", "Type a number first.")
        if kind(form) == "number":
            form.locator("input").fill("lots")
            press(form)
            assert said(form).startswith("“lots” is not a number.")
        assert not form.locator("details").is_visible()


def test_a_new_choice_takes_the_old_answer_away(book, page, some):
    visit(page, book + some)
    for form in page.locator("form.question").all():
        answer_something(form)
        assert said(form)
        choices = form.locator(".question-options input")
        if choices.count():
            choices.nth(1).check()
        else:
            form.locator("input").fill("1")
        assert said(form) == ""
        assert form.locator(".question-mark").count() == 0


def test_the_keyboard_is_enough(site, page, some):
    visit(page, site + some)
    for form in page.locator("form.question").all():
        stops = form.locator("input").all()
        stops[0].focus()
        if kind(form) in ("one", "guess") and len(stops) > 1:
            page.keyboard.press("Space")
            page.keyboard.press("ArrowDown")
            assert stops[1].is_checked()
        elif kind(form) == "several":
            for _ in stops[1:]:
                page.keyboard.press("Tab")
            page.keyboard.press("Space")
            assert stops[-1].is_checked()
        else:
            page.keyboard.type("12")
        page.keyboard.press("Tab")
        assert form.locator("button").evaluate("button => button === document.activeElement")
        page.keyboard.press("Enter")
        assert said(form)
        if kind(form) != "guess":
            for _ in range(1 + form.locator(".question-result a").count()):
                page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            assert form.locator("details").get_attribute("open") is not None
    assert_clean(page)


def test_controls_have_names_and_answers_are_announced(book, page, some):
    visit(page, book + some)
    for form in page.locator("form.question").all():
        group = form.get_by_role("group").first
        assert group.get_attribute("aria-describedby") == form.get_attribute("id") + "-text"
        assert page.locator(f"[id='{form.get_attribute('id')}-text']").count() == 1
        title = form.locator("legend").text_content()
        assert title.startswith(("Question", "Predict"))
        status = form.get_by_role("status")
        assert status.get_attribute("aria-live") == "polite"
        assert status.text_content() == ""
        answer_something(form)
        assert status.text_content()
        for control in form.locator("input").all():
            assert words(control.evaluate("input => input.labels[0].textContent"))


def test_nothing_is_stored_or_sent(book, page, some):
    visit(page, book + some)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    kept = """() => [JSON.stringify(localStorage), JSON.stringify(sessionStorage),
      document.cookie, location.href].join()"""
    before = page.evaluate(kept)
    for form in page.locator("form.question").all():
        answer_something(form)
    assert page.evaluate(kept) == before
    # a font of the maths may be met for the first time; the page itself talks to nobody
    assert [url for url in sent if not url.endswith(".woff")] == []
    page.reload()
    visit(page, book + some)
    for form in page.locator("form.question").all():
        assert form.locator("input:checked").count() == 0
        assert said(form) == ""


def answer_all(page):
    """Something answered and all that is folded open, in each question."""
    forms = page.locator("form.question").all()
    for form in forms:
        answer_something(form)
    page.evaluate("document.querySelectorAll('.question details').forEach(d => (d.open = true))")
    return forms


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_answered_questions_are_accessible(asked, scheme):
    asked.emulate_media(color_scheme=scheme)
    asked.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    answer_all(asked)
    # what else the page holds is looked at in test_book.py
    asked.evaluate(AXE.read_text())
    found = asked.evaluate("axe.run('form.question', {resultTypes: ['violations']})")
    asked.emulate_media(color_scheme="light")
    assert found["passes"]
    assert [(rule["id"], len(rule["nodes"])) for rule in found["violations"]] == []


def test_answered_questions_fit_a_phone(asked):
    asked.set_viewport_size({"width": 390, "height": 844})
    for form in answer_all(asked):
        inside = form.evaluate("form => form.scrollWidth <= form.clientWidth")
        assert inside, form.get_attribute("id")
        for control in form.locator("label, button").all():
            assert control.bounding_box()["height"] >= 24
    assert asked.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_javascript_the_answer_is_folded_below(book_file, browser, some):
    page = watched_page(browser, java_script_enabled=False)
    page.goto(book_file + some)
    for form in page.locator("form.question").all():
        assert form.locator("input, button").count() == 0
        hidden = form.locator("details > :last-child")
        assert not hidden.is_visible()
        form.locator("summary").click()
        assert hidden.is_visible()
    assert_clean(page)
    page.context.close()


def test_on_paper_there_are_answers_and_no_buttons(book, page, some):
    visit(page, book + some)
    page.emulate_media(media="print")
    for form in page.locator("form.question").all():
        assert form.locator("legend").is_visible()
        assert form.locator("details > :last-child").is_visible()
        assert not form.locator("button").is_visible()
        assert not form.locator("input").first.is_visible()
