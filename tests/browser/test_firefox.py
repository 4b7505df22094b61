"""Every page in Firefox: nothing to complain of, and in each figure one slider moves it."""

import json
import subprocess

from conftest import ROOT, book_pages, need, steps

FIREFOX = steps.find_program("firefox-esr")


def test_every_page_and_figure_works_in_firefox(book):
    if not FIREFOX:
        need("Firefox", "apt-get install firefox-esr")
    import bundle

    node, _ = bundle.find_node()
    pages = book_pages()
    command = [node, ROOT / "tests/browser/firefox.mjs", FIREFOX, book, *pages]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=420
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = {line["page"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert sorted(seen) == sorted(pages)
    assert {name: line["said"] for name, line in seen.items() if line["said"]} == {}
    moved = [(name, *pair) for name, line in seen.items() for pair in line["figures"].items()]
    assert len(moved) >= 7
    assert [figure for figure in moved if figure[2] is not True] == []
