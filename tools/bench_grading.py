"""Speed of grading: `.venv/bin/python tools/bench_grading.py [COUNT]`

Each function returns rows (what, measured, budget, within or None), as tools/bench.py wants them.
"""

import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

CHAPTER = "07_adam"
COUNT = 1000
BUDGET = 400  # submissions a minute on 2 cores
CHECK_BUDGET = 0.2  # seconds
# of a hundred: right, one slip, half done, untouched, no notebook, endless loop in a cell
MIX = [("ada", 60), ("dora", 20), ("cleo", 10), ("ben", 7), ("finn", 2), ("jan", 1)]


def missing():
    """Why grading cannot be measured here, or None."""
    if not shutil.which("bwrap"):
        return "bubblewrap is missing"
    try:
        import nbgrader  # noqa: F401
    except ImportError:
        return "nbgrader is missing: requirements-grading.txt"
    return None


def synthetic(folder, count):
    """Write so many submissions in the proportions of MIX."""
    from optlib_grading import course, samples

    made = samples.submissions(json.loads(course.source(CHAPTER).read_text("utf-8")))
    kinds = [kind for kind, share in MIX for _ in range(share)]
    for k in range(count):
        path = Path(folder, f"student{k:05d}", f"{CHAPTER}.ipynb")
        path.parent.mkdir(parents=True)
        path.write_text(made[kinds[(k * 37) % len(kinds)]], encoding="utf-8")


def grading(count=COUNT):
    """Submissions a minute, from folder to gradebook, table and pages, and the memory it took."""
    if missing():
        return [("grading", missing(), f"{BUDGET} a minute", None)]
    from optlib_grading import batch

    jobs = min(2, os.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        synthetic(Path(folder, "in"), count)
        peak = Peak()
        begin = time.monotonic()
        with peak:
            batch.grade(Path(folder, "in"), Path(folder, "out"), chapter=CHAPTER, jobs=jobs)
        seconds = time.monotonic() - begin
    rate = count * 60 / seconds
    what = f"grading {count} submissions of 6 exercises, {jobs} processes"
    return [
        (what, f"{rate:.0f} a minute", f"{BUDGET} a minute", rate >= BUDGET if jobs == 2 else None),
        ("  memory, all processes at their peak", f"{peak.bytes / 2**20:.0f} MB", "", None),
    ]


def one_notebook(rounds=10):
    """Seconds to mark one notebook with right answers in its sandbox."""
    if missing():
        return []
    from optlib_grading import course, marking, notebook, samples

    made = samples.submissions(json.loads(course.source(CHAPTER).read_text("utf-8")))
    assignment, cells = course.load(CHAPTER), notebook.read(made["ada"].encode())
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        marking.mark(cells, assignment, lambda name: 0)
        times.append(time.perf_counter() - begin)
    return [("one notebook in its sandbox", f"{statistics.median(times):.2f} s", "", None)]


def one_check(rounds=20):
    """Seconds of a learner's check, right and wrong, in the notebook's own process."""
    import numpy as np
    from optlib_checks import check

    def right(theta, g, m, v, t, lr, beta1, beta2, eps):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
        return theta - lr * step, m, v

    def wrong(theta, g, m, v, t, lr, beta1, beta2, eps):
        return theta - 2 * lr * g, m, v

    rows = []
    for name, answer in (("right", right), ("wrong in an unknown way", wrong)):
        times = []
        for _ in range(rounds):
            begin = time.perf_counter()
            check("adam", answer)
            times.append(time.perf_counter() - begin)
        median = statistics.median(times)
        rows.append((f"check(adam), {name}", f"{median * 1000:.0f} ms", f"{CHECK_BUDGET} s",
                     median <= CHECK_BUDGET))  # fmt: skip
    return rows


class Peak:
    """The largest memory that this process and everything below it held, looked at as it runs."""

    def __enter__(self):
        self.bytes, self.going = 0, True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.going = False
        self.thread.join()

    def _watch(self):
        while self.going:
            self.bytes = max(self.bytes, sum(map(_resident, _family(os.getpid()))))
            time.sleep(0.25)


def _family(pid):
    """A process and all below it."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(entry)] = int(_stat(entry)[1])
        except OSError:
            continue
    found, before = {pid}, set()
    while found != before:
        before = set(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def _resident(pid):
    try:
        return int(_stat(pid)[21]) * resource.getpagesize()
    except OSError:
        return 0


def _stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


MEASUREMENTS = [grading, one_notebook, one_check]

if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    for row in [*grading(count), *one_notebook(), *one_check()]:
        print("  ".join(str(part) for part in row))
