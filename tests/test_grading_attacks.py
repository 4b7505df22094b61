"""Hostile submissions: no points, a living grader, and everyone else's marks as they were."""

import contextlib
import html
import os
import socket
import threading
import time

import pytest
from attacks.cells import ATTACKS, NETWORK, TEXTS
from attacks.notebooks import ASSIGNMENT, SOLVED, STUB, TAMPERED, hostile, text
from optlib_grading import marking, notebook, record, report, sandbox

if not sandbox.found():
    pytest.skip("grading needs bubblewrap", allow_module_level=True)

FULL = ASSIGNMENT.points


@pytest.fixture
def short_limits(monkeypatch):
    """Endless loops are endless in a second too."""
    monkeypatch.setattr(marking, "CELL_SECONDS", 0.5)
    monkeypatch.setattr(marking, "CASE_SECONDS", 0.5)
    monkeypatch.setattr(marking, "EXERCISE_SECONDS", 0.8)
    monkeypatch.setattr(marking, "NOTEBOOK_SECONDS", 2.0)


@pytest.fixture
def listener():
    """A server on this machine, and the list of what reached it."""
    reached = []
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        port = tcp.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", port))
            for server in (tcp, udp):
                server.settimeout(0.2)
            yield port, tcp, udp, reached


def grade(data, student="mallory"):
    about = {"student": student, "key": student, "problem": "", "note": ""}
    return record.grade_one(about, data, ASSIGNMENT, b"secret")


def points(graded):
    return sum(mark["points"] for mark in graded["marks"])


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(name, short_limits):
    begin = time.monotonic()
    graded = grade(text(hostile(ATTACKS[name])))
    assert len(graded["marks"]) == len(ASSIGNMENT.items)
    assert points(graded) == 0
    assert time.monotonic() - begin < 60
    for mark in graded["marks"]:
        assert mark["line"].startswith("not yet: "), mark
        assert mark["line"].isprintable() and len(mark["line"]) < 600
        assert not set(mark["line"]) & set("<>&"), mark


@pytest.mark.parametrize("name", NETWORK)
def test_nothing_leaves_the_sandbox(name, listener, short_limits):
    port, tcp, udp, reached = listener

    def take(server, receive):
        with contextlib.suppress(TimeoutError):
            reached.append(receive())

    grade(text(hostile(NETWORK[name], port)))
    watchers = [
        threading.Thread(target=take, args=(tcp, tcp.accept)),
        threading.Thread(target=take, args=(udp, lambda: udp.recv(100))),
    ]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    assert not reached


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_students_are_harmless_in_every_output(name, tmp_path, short_limits):
    graded = grade(text(hostile(TEXTS[name]))) | {"time": None}
    graded["answers"] = {item.exercise: TEXTS[name] for item in ASSIGNMENT.items}
    total = report.Total(0.0, 0.0)
    report.write(tmp_path, ASSIGNMENT, [graded], {"mallory": total})
    page = (tmp_path / "feedback" / "mallory.html").read_text()
    assert "<script" not in page and "<img" not in page
    assert all(c.isprintable() or c in "\n\t" for c in page)
    for line in (tmp_path / "grades.csv").read_text().splitlines():
        assert not any(
            field.strip('"').startswith(("=", "+", "-", "@")) for field in line.split(",")
        )


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_with_the_checks_changes_no_mark(name):
    assert points(grade(text(TAMPERED[name](SOLVED)))) == FULL
    assert points(grade(text(TAMPERED[name](STUB)))) == 0


def test_an_honest_notebook_gets_full_marks_while_attacks_run(monkeypatch):
    monkeypatch.setattr(marking, "NOTEBOOK_SECONDS", 5.0)
    attackers = ["endless prints", "memory in small pieces", "fork bomb", "signals to everybody"]
    threads = [
        threading.Thread(target=grade, args=(text(hostile(ATTACKS[name])),)) for name in attackers
    ]
    for thread in threads:
        thread.start()
    honest = grade(text(SOLVED), "ada")
    for thread in threads:
        thread.join()
    assert points(honest) == FULL, honest["marks"]


def test_nothing_of_a_sandbox_is_left_running():
    with sandbox.Sandbox(seconds=5) as box:
        box.ask(["run", "cell", "pass"])
        mine = children(box.process.pid)
        assert mine
        with pytest.raises(sandbox.Stopped):
            box.ask(["run", "cell", "while True: pass"], time.monotonic() + 0.3)
    end = time.monotonic() + 5
    while any(map(alive, mine)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(alive, mine))


def children(pid):
    """The processes below a process, at any depth."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    for _ in parents:
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_endless_loop_costs_one_exercise():
    cells = notebook.read(text(SOLVED))
    looped = [
        notebook.Cell(c.number, "def adam(*a):\n    while True: pass", c.grade_id, c.is_check)
        if c.grade_id == "adam"
        else c
        for c in cells
    ]
    marks = marking.mark(looped, ASSIGNMENT, lambda name: 0)
    lost = {mark.exercise: mark.line for mark in marks if not mark.points}
    assert set(lost) == {"adam"}
    assert "too long" in lost["adam"]


def test_names_in_pages_are_escaped():
    assert report.say("<b>\x1b&") == html.escape("<b> &")
