"""The time-line: sources that exist and have the year, parents that came before."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from optlib import history

ROOT = Path(__file__).parent.parent
NAMES = [m.name for m in history.METHODS]
DRAWN = [history.SHORT.get(name, name) for name in NAMES]


def entries():
    text = (ROOT / "references.bib").read_text()
    found = re.finditer(r"^@\w+\{([^,]+),.*?^\}", text, re.M | re.S)
    return {m.group(1): m.group(0) for m in found}


def test_years_run_forward_and_names_are_told_apart():
    years = [m.year for m in history.METHODS]
    assert years == sorted(years) and years[0] == 1847
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("m", history.METHODS, ids=lambda m: m.name)
def test_an_entry_has_its_source_its_year_its_parents_and_its_page(m):
    source = entries()[m.source]
    assert re.search(rf"year\s*=\s*\{{{m.year}\}}", source), source
    assert all(parent in NAMES[: NAMES.index(m.name)] for parent in m.parents)
    assert 0 <= m.lane < len(history.LANES)
    page = ROOT / f"chapters/{m.page}.ipynb"
    assert not m.page or m.source in page.read_text() or m.name.lower() in page.read_text().lower()


def test_the_tree_draws_every_method_and_every_descent():
    svg = ElementTree.fromstring(history.tree()).find("svg")
    texts = [t.text for t in svg.iter("text")]
    assert [t for t in texts if t in DRAWN] == DRAWN
    ends = sum(path.get("d").count("M") - 1 for path in svg.iter("path"))
    assert ends == sum(len(m.parents) for m in history.METHODS)
    width = float(svg.get("viewBox").split()[2])
    for box in svg.iter("rect"):
        assert float(box.get("x")) >= 28  # right of the years
        assert float(box.get("x")) + float(box.get("width")) <= width


def test_the_list_of_a_narrow_screen_holds_every_method_under_its_first_parent():
    listed = ElementTree.fromstring(history.tree()).find("ul")
    found = {}

    def read(items, parent):
        for item in items.findall("li"):
            year, *more = item.findall("small")
            name = year.tail.strip()
            also = more[0].text[len("(also from ") : -1].split(", ") if more else []
            found[name] = int(year.text), (*([parent] if parent else []), *also)
            for below in item.findall("ul"):
                read(below, name)

    read(listed, None)
    assert found == {m.name: (m.year, m.parents) for m in history.METHODS}


def test_lines_run_in_the_gaps_and_apart():
    edges = [
        [c + sign * history._width(m.name) / 2 for m in history.METHODS if m.lane == lane]
        for lane, c in enumerate(history.CENTRES)
        for sign in (-1, 1)
    ]
    rows = {m.name: k for k, m in enumerate(history.METHODS)}
    seen = []
    for parent, children, lane, track, _ in history._trunks():
        x = min(edges[2 * lane]) - 5 - history.TRACK * track
        assert x > (max(edges[2 * lane - 1]) if lane else 26)
        span = range(rows[parent], rows[children[-1]] + 1)
        assert all(not set(span) & set(other) for at, other in seen if at == (lane, track))
        seen.append(((lane, track), span))


def test_the_table_says_the_same():
    rows = [row for row in history.table().splitlines() if row.startswith("| ")][1:]
    assert len(rows) == len(history.METHODS)
    for row, m in zip(rows, history.METHODS):
        assert m.name in row and m.source in row and all(p in row for p in m.parents)
