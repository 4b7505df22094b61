"""A real JupyterLab: run all figures of the gallery, move every control, do an exercise."""

import functools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import websocket  # of JupyterLab's server
from conftest import ROOT, need, nudge, steps
from figure_page import SHOWN, every_control_moves, settle
from playwright.sync_api import TimeoutError

GALLERY = "a_gallery.ipynb"
SETTINGS = {
    # every cell stays in the page, also those out of view
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab on a copy of the chapters, with a token, as `format` string."""
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", root / "chapters")
    token = secrets.token_hex(16)
    env = dict(os.environ, JUPYTER_TOKEN=token, HOME=str(root))
    for name in ("CONFIG", "DATA", "RUNTIME"):
        env[f"JUPYTER_{name}_DIR"] = str(root / name.lower())
    env["JUPYTERLAB_SETTINGS_DIR"] = str(root / "settings")
    for extension, settings in SETTINGS.items():
        path = root / "settings" / f"{extension}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    import lab as tool

    port = tool.free_port()
    command = [steps.PYTHON, ROOT / "tools/lab.py", "--port", str(port), "--root", root]
    log = (root / "lab.log").open("w")
    server = subprocess.Popen(
        [str(part) for part in command],
        env=env,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=2)
                break
            except OSError:
                if server.poll() is not None:
                    pytest.fail((root / "lab.log").read_text()[-2000:])
                time.sleep(0.5)
        else:
            pytest.fail("JupyterLab did not start in 60 s")
        yield f"{address}/lab/tree/{{}}?token={token}&reset"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
        log.close()


def open_notebook(browser, address):
    """The notebook's page once its kernel is idle. A slow start may ask something: accepted."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)

    def accept(dialog):
        print("JupyterLab asked:", dialog.inner_text())  # shown if the test fails
        dialog.locator(".jp-mod-accept").click()

    # not waiting for it to go: the same question may stand behind it once more
    page.add_locator_handler(page.locator(".jp-Dialog").first, accept, no_wait_after=True)
    page.goto(address)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    return page


def patiently(test):
    """Three attempts, each in a new page: JupyterLab loses a click now and then while it loads.

    What the test asserts is asserted at the first.
    """

    @functools.wraps(test)
    def attempts(lab, browser):
        for left in (2, 1, 0):
            try:
                return test(lab, browser)
            except (TimeoutError, pytest.fail.Exception) as failure:
                if not left:
                    raise
                print("once more, after:", failure)

    return attempts


def run_all(page):
    """Choose Run All Cells until a cell has begun: a kernel may say idle a moment too early."""
    begun = page.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[(\*|\d+)\]"))
    for _ in range(5):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            begun.first.wait_for(timeout=20_000)
            return
        except TimeoutError:
            continue
    pytest.fail("no cell began to run in 100 s")


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
@patiently
def test_the_gallery_runs_and_every_control_moves_its_figure(lab, browser):
    if not (ROOT / "chapters" / GALLERY).exists():
        need(GALLERY, "git checkout")
    page = open_notebook(browser, lab.format(f"chapters/{GALLERY}"))
    idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    run_all(page)
    figures = page.locator(".jp-OutputArea .live-figure")
    calls = page.locator(".jp-CodeCell .cm-content").filter(has_text=re.compile(r"^live\."))
    figures.nth(calls.count() - 1).wait_for(timeout=180_000)
    idle.wait_for(timeout=180_000)
    assert page.locator(".jp-RenderedText[data-mime-type*='stderr']").all_inner_texts() == []
    moved = [every_control_moves(page, figure) for figure in figures.all()]
    assert len(moved) >= 18 and all(moved)

    keep_busy(lab)
    page.locator(BUSY).wait_for()
    a_slider_moves_each(page, figures)
    assert page.locator(BUSY).count() == 1

    end_kernels(lab)
    page.locator(BUSY).wait_for(state="detached")
    a_slider_moves_each(page, figures)
    page.close()


BUSY = ".jp-Notebook-ExecutionIndicator[data-status='busy']"


def api(lab, path, **options):
    """A request to the server's own interface."""
    site, token = lab.split("/lab/")[0], lab.split("?")[1]
    return urllib.request.Request(f"{site}/api/{path}?{token}", **options)


def keep_busy(lab):
    """Every kernel runs something that ends long after the test."""
    message = {
        "channel": "shell",
        "header": {"msg_id": secrets.token_hex(8), "msg_type": "execute_request"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": "import time; time.sleep(600)", "silent": False},
    }
    for kernel in json.load(urllib.request.urlopen(api(lab, "kernels"))):
        channels = api(lab, f"kernels/{kernel['id']}/channels").full_url
        socket = websocket.create_connection(channels.replace("http", "ws", 1))
        socket.send(json.dumps(message))
        socket.close()


def end_kernels(lab):
    """End every kernel of the server, as a crash does: what they were asked is never answered."""
    for kernel in json.load(urllib.request.urlopen(api(lab, "kernels"))):
        urllib.request.urlopen(api(lab, f"kernels/{kernel['id']}", method="DELETE"))


def a_slider_moves_each(page, figures):
    """Press a key on the first slider of every figure; its pictures and words must change."""
    for figure in figures.all():
        handle = figure.locator(".noUi-handle:visible").first
        if not handle.count():
            continue  # one has menus only
        handle.scroll_into_view_if_needed()
        settle(page)
        before = figure.evaluate(SHOWN)
        nudge(page, handle)
        settle(page)
        assert figure.evaluate(SHOWN) != before, figure.locator(".live").get_attribute("aria-label")


def attempt(act, seen, what, seconds=60):
    """Repeat `act` until `seen()` holds: a click or a key may be lost while JupyterLab loads."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        act()
        for _ in range(20):
            if seen():
                return
            time.sleep(0.25)
    pytest.fail(f"{what} did not happen in {seconds} s")


def write(page, cell, text):
    """Replace the text of a code cell."""
    editor = cell.locator(".cm-content")

    def act():
        editor.click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)

    attempt(act, lambda: editor.inner_text().split() == text.split(), f"writing {text!r}")


def run(page, cell):
    """Run a code cell and wait for its end: the number in its prompt changes."""
    prompt = cell.locator(".jp-InputPrompt").first
    before = prompt.inner_text()

    def act():
        if "*" not in prompt.inner_text():  # waiting for the kernel already
            cell.locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")

    def seen():
        return prompt.inner_text() != before and re.search(r"\d", prompt.inner_text())

    attempt(act, seen, f"running {cell.locator('.cm-content').inner_text()[:40]!r}")


@patiently
def test_an_exercise_answers_a_wrong_and_then_a_right_answer(lab, browser):
    page = open_notebook(browser, lab.format("practice/07_adam.ipynb"))
    cells = page.locator(".jp-CodeCell")
    # by place, for what stands in an answer cell changes
    place = cells.evaluate_all(
        "(all, text) => all.findIndex(cell => cell.textContent.includes(text))", "v, divisor ="
    )
    answer = cells.nth(place)
    verdict = cells.filter(has_text='check("bias_after_100"').first

    def hand_in(v, divisor):
        write(page, answer, f"v, divisor = {v}, {divisor}\nbias_after_100 = v, divisor")
        run(page, answer)
        run(page, verdict)
        return verdict.locator(".jp-OutputArea").inner_text()

    run(page, cells.first)  # the imports
    said = hand_in("4 * 0.63", "0.63")
    assert "not yet" in said and "after 1000 steps, not after 100" in said
    assert "passed" in hand_in("4 * (1 - 0.999**100)", "1 - 0.999**100")
    page.close()
