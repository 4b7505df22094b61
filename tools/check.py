"""Run every test there is: `.venv/bin/python tools/check.py [PART …]`

A part that fails does not stop the others. What is missing on this machine is named and skipped;
with CI=true it is a failure. The ten slowest tests and one line of totals come last.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import bundle
import notebooks
import practice
from steps import BUILD, HTML, ROOT, Failure, find_program, main, quiet_environment, run

REPORTS = BUILD / "tests"
CI = os.environ.get("CI") == "true"
# program -> (what it is for, how to get it)
MACHINE = {
    "chromium": ("the browser tests", "apt-get install chromium"),
    "firefox-esr": ("the tests in Firefox", "apt-get install firefox-esr"),
    "bwrap": ("the grading sandbox's tests", "apt-get install bubblewrap"),
}


class Skipped(Exception):
    """A part that this machine, or this state of the repository, has nothing for."""


def pytest(name, *arguments):
    """Run pytest with a report. Returns its last line."""
    report = REPORTS / f"{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
    env = quiet_environment(PATH=f"{os.path.dirname(bundle.find_node()[0])}:{os.environ['PATH']}")
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode == 5:
        raise Skipped("no tests yet")
    if done.returncode:
        raise Failure("\n".join(lines[-120:]))
    return lines[-1].strip("= ")


def style():
    ruff = [sys.executable, "-m", "ruff"]
    run([*ruff, "check", "--output-format", "concise"])
    run([*ruff, "format", "--check"])
    return "ruff: clean"


def clean():
    run([sys.executable, ROOT / "tools/clean_notebooks.py", "--check"])
    return f"{len(notebooks.all_notebooks())} notebooks: clean"


def unit():
    return pytest("unit", "-n", "2", "--ignore", "tests/browser", "tests")


def nbval():
    files = notebooks.all_notebooks()
    if not files:
        raise Skipped("no notebooks yet")
    # the learner's copies too: a stub says "not yet", it never raises
    shutil.rmtree(BUILD / "practice", ignore_errors=True)
    files += practice.write(BUILD / "practice")
    strict = ["-p", "tools.kernels", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    # a kernel's cells stay together; the settings for our own tests do not apply
    shared = ["-n", "2", "--dist", "loadfile", "-o", "addopts=", "-o", "filterwarnings="]
    return pytest("notebooks", *strict, *shared, *files)


def javascript():
    found = [*(ROOT / "web").glob("*.test.js"), *(ROOT / "tests").rglob("*.test.js")]
    files = sorted(path for path in found if "node_modules" not in path.parts)
    if not files:
        raise Skipped("no files *.test.js")
    output = run([bundle.find_node()[0], "--test", *files])
    return next(line for line in output.splitlines() if "pass " in line).strip("# ℹ")


def book():
    run([sys.executable, ROOT / "tools/book.py"])
    return f"{len(list(HTML.rglob('*.html')))} pages"


def browser():
    if not find_program("chromium", "chromium-browser", "google-chrome"):
        raise Skipped("no Chromium")
    # in long stretches: tests of one page share what they opened
    return pytest("browser", "-n", "2", "--dist", "worksteal", "tests/browser")


PARTS = [style, clean, unit, nbval, javascript, book, browser]


def missing():
    """Names what this machine lacks. Returns how much of it counts as a failure."""
    lacking = [name for name in MACHINE if not find_program(name)]
    for name in lacking:
        purpose, command = MACHINE[name]
        print(f"{name} is missing, so {purpose} are skipped: {command}")
    return len(lacking) if CI else 0


def totals():
    """(passed, failed, skipped) over all reports, and the ten slowest tests."""
    counts, slow = {"passed": 0, "failed": 0, "skipped": 0}, []
    for report in REPORTS.glob("*.xml"):
        for case in ElementTree.parse(report).iter("testcase"):
            state = "passed"
            if case.find("failure") is not None or case.find("error") is not None:
                state = "failed"
            elif case.find("skipped") is not None:
                state = "skipped"
            counts[state] += 1
            name = f"{case.get('classname')}::{case.get('name')}"
            slow.append((float(case.get("time", 0)), name))
    return counts, sorted(slow, reverse=True)[:10]


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=", ".join(part.__name__ for part in PARTS))
    arguments = parser.parse_args()
    chosen = [part for part in PARTS if part.__name__ in (arguments.parts or [part.__name__])]
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.glob("*.xml"):
        old.unlink()
    failed = missing()
    bundle.fetch_packages(tests=True)
    for number, part in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {part.__name__} … ", end="", flush=True)
        start = time.monotonic()
        try:
            print(f"{part()}, {time.monotonic() - start:.0f} s", flush=True)
        except Skipped as why:
            print(f"skipped: {why}", flush=True)
        except Failure as failure:
            failed += 1
            print(f"FAILED, {time.monotonic() - start:.0f} s\n{failure}\n", flush=True)
    counts, slow = totals()
    print("\nThe slowest tests:")
    for seconds, name in slow:
        print(f"  {seconds:6.1f} s  {name}")
    counts["failed"] = max(counts["failed"], failed)
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    main(command)
