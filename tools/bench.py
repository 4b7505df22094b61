"""Measure the budgets: `.venv/bin/python tools/bench.py [NAME …]`

Each measurement is one small function; it returns rows (what, measured, budget, within or None).
A row is a report, never a test: what depends on the machine is not asserted anywhere.
"""

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import bench_grading
import bench_steps
import book as book_tool
from steps import BUILD, HTML, ROOT, Failure, find_program, main, quiet_environment, run

PAGE_READY = "document.documentElement.dataset.widgets === 'ready'"


def pages():
    found = [path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")]
    return sorted(name for name in found if not name.startswith("_static"))


@contextmanager
def browser():
    """A headless Chromium and the address of the book on a loopback port."""
    chromium = find_program("chromium", "chromium-browser", "google-chrome")
    if not chromium:
        raise Failure("Chromium is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, book_tool.server() as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        program = playwright.chromium.launch(executable_path=chromium)
        yield program, f"http://127.0.0.1:{site.server_address[1]}/"
        program.close()
        site.shutdown()


def loaded(page, address):
    """Visit, wait for maths and figures, and scroll through once so that lazy parts load."""
    page.goto(address, wait_until="load")
    page.evaluate("window.MathJax?.startup?.promise")
    has_widgets = "!!document.querySelector('script[type$=\"jupyter.widget-state+json\"]')"
    if page.evaluate(has_widgets):
        page.wait_for_function(PAGE_READY)
    page.evaluate(
        """async () => {
          for (let y = 0; y < document.body.scrollHeight; y += 700) {
            scrollTo(0, y);
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    page.wait_for_timeout(300)


def weights():
    """Bytes of every page with all it loads, gzipped one by one; requests and complaints."""
    rows, outside, complaints = [], 0, 0
    with browser() as (program, address):
        for name in pages():
            page = program.new_page()
            urls = set()
            page.on("request", lambda request, urls=urls: urls.add(request.url))
            said = []
            page.on("console", lambda m, said=said: said.append(m) if m.type == "error" else None)
            page.on("pageerror", lambda error, said=said: said.append(error))
            loaded(page, address + name)
            page.close()
            local = {urlsplit(url).path for url in urls if url.startswith(address)}
            outside += sum(url.startswith("http") and not url.startswith(address) for url in urls)
            complaints += len(said)
            files = [HTML / path.lstrip("/") for path in local]
            size = sum(len(gzip.compress(f.read_bytes(), 9)) for f in files if f.is_file()) / 1e6
            budget = 1.4 if "gallery" in name else 1.2
            rows.append((f"weight of {name}", f"{size:.2f} MB", f"{budget} MB", size <= budget))
    rows.append(("requests to other hosts, all pages", str(outside), "0", outside == 0))
    rows.append(("console errors, all pages", str(complaints), "0", complaints == 0))
    return rows


def figures_in(name):
    return (HTML / name).read_text().count("application/vnd.jupyter.widget-view+json")


def ready():
    """Load -> all figures ready, on the page that has most of them."""
    name, times = max(pages(), key=figures_in), []
    count = figures_in(name)
    with browser() as (program, address):
        for _ in range(5):
            page = program.new_context().new_page()
            start = time.perf_counter()
            page.goto(address + name, wait_until="commit")
            page.wait_for_function(PAGE_READY, polling=10)
            times.append(time.perf_counter() - start)
            page.context.close()
    middle = statistics.median(times)
    within = middle <= 1.5 if count <= 6 else None
    return [(f"{name}, {count} figures: ready", f"{middle:.2f} s", "1.5 s (6)", within)]


# one key press on the focused handle, timed inside the page until the canvas has counted its draw
PRESS = """async handle => {
  const area = handle.closest('.widget-subarea');
  const counts = () => [...area.querySelectorAll('[data-n]')].map(e => e.dataset.n).join();
  const times = [];
  for (let i = 0; i < 24; i++) {
    const before = counts(), start = performance.now();
    const key = i % 2 ? 'ArrowRight' : 'ArrowLeft';
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    while (counts() === before && performance.now() - start < 200) await null_task();
    times.push(performance.now() - start);
    // the next press as a held key sends it; within one frame of a drawing, drawings are joined
    await new Promise(done => setTimeout(done, 33));
  }
  return times;
  function null_task() {
    return new Promise(done => {
      const channel = new MessageChannel();
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    });
  }
}"""


def pressed(page, handle):
    """Times from key press to drawing in ms, without the first ones."""
    handle.scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    handle.focus()
    return handle.evaluate(PRESS)[4:]


def within_budget(what, times):
    times = sorted(times)
    middle, high = statistics.median(times), times[int(0.95 * len(times))]
    return [
        (f"{what}, median", f"{middle:.1f} ms", "4 ms", middle <= 4),
        (f"{what}, p95", f"{high:.1f} ms", "8 ms", high <= 8),
    ]


@contextmanager
def page_of_the_race():
    """The address of a page with one figure: two optimizers, 500 steps."""
    sys.path.insert(0, str(ROOT / "tests/browser"))
    from figure_page import write_pages

    from optlib import live

    pair = ("gradient_descent", "momentum")
    race = live.descent(pair, name="race", steps=500, lr=0.015, beta=0.67)
    with tempfile.TemporaryDirectory() as folder:
        write_pages(HTML, Path(folder), {"race": race})
        yield f"file://{folder}/race.html"


def key_press():
    """Key press on a slider -> canvas drawn: a race of two, and one slider of each figure."""
    rows = []
    with browser() as (program, address), page_of_the_race() as race:
        page = program.new_page(viewport={"width": 1280, "height": 900})
        page.goto(race)
        page.wait_for_selector(".live[data-n]")
        page.evaluate("document.querySelector('main').classList.add('widget-subarea')")
        times = [pressed(page, h) for h in page.locator(".noUi-handle:visible").all() * 3]
        rows += within_budget("key press to drawn, 2 optimizers, 500 steps", sum(times, []))
        page.close()

        name = max(pages(), key=figures_in)
        page = program.new_page(viewport={"width": 1280, "height": 900})
        loaded(page, address + name)
        found = {}
        for figure in page.locator(".live-figure").all():
            handles = figure.locator(".live-control:not(.live-for-step) .noUi-handle:visible")
            if handles.count():
                title = figure.locator(".live").get_attribute("aria-label")
                found[title] = pressed(page, handles.first)
        page.close()
    rows += within_budget(f"  one slider of each of {len(found)} figures", sum(found.values(), []))
    slowest = max(found, key=lambda title: statistics.median(found[title]))
    middle = statistics.median(found[slowest])
    return [*rows, (f"  slowest: {slowest[:46]}", f"{middle:.1f} ms", "", None)]


# so many presses of each slider, up and down; each waits for its drawing
MOVES = """async ([handles, count]) => {
  for (let i = 0; i < count; i++) {
    const key = Math.floor(i / 20) % 2 ? 'ArrowRight' : 'ArrowLeft';
    for (const handle of handles) {
      handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    }
    await new Promise(requestAnimationFrame);
  }
}"""


def memory():
    """What the page's scripts hold after 10,000 slider moves, spread over its figures."""
    name = max(pages(), key=figures_in)
    with browser() as (program, address):
        page = program.new_page(viewport={"width": 1280, "height": 900})
        loaded(page, address + name)
        # all figures in sight at once, so that all of them draw
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": 1280, "height": height})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def held():
            for _ in range(3):
                session.send("HeapProfiler.collectGarbage")
            metrics = session.send("Performance.getMetrics")["metrics"]
            found = {m["name"]: m["value"] for m in metrics}
            return found["JSHeapUsedSize"] / 1e6, found["Nodes"]

        areas = page.locator(".widget-subarea").all()
        handles = [area.locator(".noUi-handle:visible").first for area in areas]
        handles = [handle.element_handle() for handle in handles if handle.count()]

        def move(total):
            page.evaluate(MOVES, [handles, total // len(handles)])

        move(10_000)  # what is made once is made, compiled and pooled
        before, nodes = held()
        move(10_000)
        after, more = held()
    grown = after - before
    return [
        (
            f"{name}, {len(handles)} figures: scripts hold after 10,000 moves",
            f"{after:.1f} MB ({grown:+.2f}), {more - nodes:+.0f} nodes",
            "no growth",
            grown <= 0.03 * before and more <= nodes + 50,
        )
    ]


def fuzz():
    """The random input sequences of the browser tests, 2,000 events each instead of 200."""
    found = run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/browser", "-k", "random_events"],
        cwd=ROOT,
        env=quiet_environment(FUZZ_EVENTS="2000"),
    )
    return [("2,000 random events a figure", found.strip().splitlines()[-1], "0 failed", True)]


def timed_build(folder):
    start = time.monotonic()
    run([sys.executable, folder / "tools/book.py"], cwd=folder)
    return time.monotonic() - start


def build_times():
    """A clean build in a copy of the tree, and the same again unchanged."""
    leave = shutil.ignore_patterns("_build", ".venv", ".git", "node_modules", "__pycache__")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "book"
        shutil.copytree(ROOT, copy, ignore=leave)
        clean, again = timed_build(copy), timed_build(copy)
    return [
        ("clean build, after installation", f"{clean:.0f} s", "360 s", clean <= 360),
        ("the same again, unchanged", f"{again:.1f} s", "20 s", again <= 20),
    ]


MEASUREMENTS = [
    weights,
    ready,
    key_press,
    memory,
    fuzz,
    *bench_steps.MEASUREMENTS,
    *bench_grading.MEASUREMENTS,
    build_times,
]


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(m.__name__ for m in MEASUREMENTS))
    names = parser.parse_args().names
    os.environ.update(quiet_environment())
    if not (HTML / "index.html").exists():
        subprocess.run([sys.executable, ROOT / "tools/book.py"], check=True)
    print(f"{'what':58} {'measured':>12} {'budget':>12}")
    lines = []
    for measure in MEASUREMENTS:
        if names and measure.__name__ not in names:
            continue
        for what, measured, budget, within in measure():
            verdict = {True: "", False: "  OVER", None: ""}[within]
            lines.append(f"{what:58} {measured:>12} {budget:>12}{verdict}")
            print(lines[-1], flush=True)
    (BUILD / "bench.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(command)
