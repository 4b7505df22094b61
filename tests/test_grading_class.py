"""A class: broken files, odd names, resuming, regrading, lateness, gradebooks, clusters."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import pytest
from attacks.notebooks import ASSIGNMENT, SOLVED, STUB, text
from optlib_checks import EXERCISES
from optlib_checks.regions import student_version
from optlib_grading import batch, course, gradescope, kernel, samples, sandbox, submissions
from optlib_grading.__main__ import main
from optlib_grading.notebook import MOST_BYTES

pytest.importorskip("nbgrader")
if not sandbox.found():
    pytest.skip("grading needs bubblewrap", allow_module_level=True)
from nbgrader.api import Gradebook

FULL = ASSIGNMENT.points
NAME = ASSIGNMENT.name
# libraries under nbgrader, dask and traitlets warn of one another
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def one_secret(monkeypatch):
    monkeypatch.setenv("GRADING_SECRET", "the same in every test")


@pytest.fixture
def threads(monkeypatch):
    """Grade in two threads of this process: quicker to start than other processes."""
    import joblib

    @contextlib.contextmanager
    def parallel(jobs=None, dask=None):
        yield joblib.Parallel(n_jobs=2, backend="threading", return_as="generator_unordered")

    monkeypatch.setattr(batch, "parallel", parallel)


@pytest.fixture(scope="session")
def new_gradebook(tmp_path_factory):
    """A gradebook with the assignment in it and no student."""
    folder = tmp_path_factory.mktemp("gradebook")
    batch.gradebook.prepare(ASSIGNMENT, batch.gradebook.default_url(folder), folder)
    return folder / "gradebook.db"


@pytest.fixture
def quick(monkeypatch, threads, new_gradebook):
    """Threads, and a copy of a new gradebook instead of one made each time."""

    def prepare(assignment, url, scratch):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.exists():
            shutil.copy(new_gradebook, path)

    monkeypatch.setattr(batch.gradebook, "prepare", prepare)


def hand_in(folder, **notebooks):
    for student, data in notebooks.items():
        path = folder / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return folder


def grade(folder, out, **options):
    records, totals = batch.grade(folder, out, chapter="7", quiet=True, **options)
    return {record["student"]: record for record in records}, totals


def table(out):
    with open(out / "grades.csv", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def gradebook(url):
    """Everything in a gradebook that a person would notice, without the random ids."""
    with Gradebook(url) as book:
        return sorted(
            (
                submission.student.id,
                str(submission.timestamp),
                submission.score,
                notebook.late_submission_penalty,
                *sorted((grade.cell.name, grade.auto_score) for grade in notebook.grades),
                *sorted((c.cell.name, c.auto_comment or "") for c in notebook.comments),
            )
            for submission in book.find_assignment(NAME).submissions
            for notebook in submission.notebooks
        )


# the folder's entry -> bytes of the notebook, and what the row must say
BROKEN = {
    "no JSON": (b"print('hello')", "broken"),
    "cut off": (text(SOLVED)[:3000], "cut off or broken"),
    "large": (b" " * (MOST_BYTES + 30 * 2**20), "20 are read"),
    "latin": (text(SOLVED) + "é".encode("latin-1"), "not UTF-8"),
    "utf-16": (text(SOLVED).decode().encode("utf-16"), "not UTF-8"),
    "empty": (b"", "empty"),
    "blanks": (b"\n\n  \n", "empty"),
    "a list": (b"[1, 2]", "not a notebook"),
    "null": (b"null", "not a notebook"),
    "no cells": (b"{}", "no cells"),
    "cells of no kind": (b'{"cells": [1, null, "x", {}, {"cell_type": 7}]}', "no code cells"),
    "old": (b'{"worksheets": [], "nbformat": 3}', "old format"),
    "deep": (b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "broken"),
    "huge number": (b'{"cells": [], "nbformat": ' + b"9" * 10_000 + b"}", "broken"),
    "much code": (
        json.dumps({"cells": [{"cell_type": "code", "source": "#" * 2**21}]}).encode(),
        "1 MB of code",
    ),
}


def test_broken_submissions_get_a_row_each_and_harm_nobody(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(SOLVED), zoe=text(SOLVED))
    hand_in(folder, **{name: data for name, (data, _) in BROKEN.items()})
    records, totals = grade(folder, tmp_path / "out")
    rows = table(tmp_path / "out")
    assert set(rows) == {"ada", "zoe", *BROKEN}
    for name, (_, reason) in BROKEN.items():
        assert totals[name].points == 0
        assert reason in rows[name]["note"], rows[name]
        assert (tmp_path / "out" / "feedback" / f"{records[name]['key']}.html").exists()
    assert totals["ada"].points == totals["zoe"].points == FULL
    everyone = [row[0] for row in gradebook(f"sqlite:///{tmp_path}/out/gradebook.db")]
    assert everyone == sorted(rows)


def test_odd_files_and_folders_get_a_row_each(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(SOLVED), ben=text(SOLVED))
    (folder / "ben" / "copy.ipynb").write_bytes(text(STUB))
    (folder / "cleo.ipynb").write_bytes(text(SOLVED))
    (folder / "dan.pdf").write_bytes(b"%PDF")
    (folder / "eve").mkdir()
    (folder / "flo").mkdir()
    for name in ("a.ipynb", "b.ipynb"):
        (folder / "flo" / name).write_bytes(text(SOLVED))
    (folder / "gus").symlink_to(folder / "ada")
    (folder / "hal.ipynb").symlink_to(folder / "ada" / f"{NAME}.ipynb")
    (folder / "ida").mkdir()
    (folder / "ida" / f"{NAME}.ipynb").symlink_to("../ada/07_adam.ipynb")
    os.mkfifo(folder / "jon.ipynb")
    (folder / "kim" / "deep" / "down").mkdir(parents=True)
    (folder / "kim" / "deep" / "down" / "My Work (1).IPYNB").write_bytes(text(SOLVED))
    bare = {"cells": [c | {"metadata": {}} for c in SOLVED["cells"]]}
    (folder / "lea.ipynb").write_bytes(text(bare))
    _, totals = grade(folder, tmp_path / "out")
    rows = table(tmp_path / "out")
    graded = {name for name, total in totals.items() if total.points == FULL}
    assert graded == {"ada", "ben", "cleo", "kim", "lea"}
    assert "one of 2 notebooks" in rows["ben"]["note"]
    assert "does not end in .ipynb" in rows["dan"]["note"]
    assert "no notebook" in rows["eve"]["note"]
    assert "2 notebooks" in rows["flo"]["note"]
    assert "link" in rows["hal"]["note"] and "link" in rows["ida"]["note"]
    assert "not a plain file" in rows["jon"]["note"]
    assert totals["gus"].points == 0 and rows["gus"]["note"]


NAMES = [
    "..%2f..%2fetc", "=cmd|' /C calc'!A0", "-rf", "@x", "<img src=x onerror=alert(1)>", "a\nb",
    "a\tb", "\x1b[2J", "x" * 200, "Ünï Çödé", "CON", "a'b\"c", "{{7*7}}", "%s%n", "sqlite; drop",
    "\u202egnp.exe", "ada ", "~", "$HOME", "`id`", "a\\b",
]  # fmt: skip


def test_names_of_students_are_data(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(SOLVED), **dict.fromkeys(NAMES, text(SOLVED)))
    with open(os.fsencode(folder) + b"/\xff\xfe.ipynb", "wb") as file:
        file.write(text(SOLVED))
    out = tmp_path / "out"
    _, totals = grade(folder, out)
    assert len(totals) == len(NAMES) + 2
    assert all(total.points == FULL for total in totals.values())
    made = [path for path in tmp_path.rglob("*") if folder not in path.parents]
    assert {path.parent for path in made} <= {
        tmp_path, out, out / "feedback", out / "records",
    }  # fmt: skip
    assert all(path.name.isascii() and path.name.isprintable() for path in made)
    for name in totals:
        assert name.isprintable() and not name.startswith(("=", "+", "-", "@", "."))
        assert not set(name) & set("<>&'\"\\/")
    assert "<img" not in (out / "index.html").read_text()


def test_two_submissions_of_one_student_are_two_rows(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(SOLVED))
    (folder / "ada.ipynb").write_bytes(text(STUB))
    _, totals = grade(folder, tmp_path / "out")
    assert sorted(total.points for total in totals.values()) == [0, FULL]
    assert len(table(tmp_path / "out")) == 2


def ten(folder):
    """A class of ten without endless loops."""
    source = json.loads(course.source(NAME).read_text())
    made = samples.submissions(source)
    made["jan"] = made["dora"]
    return hand_in(folder, **{name: notebook.encode() for name, notebook in made.items()})


def test_a_killed_run_started_again_ends_in_the_same_gradebook(tmp_path, quick):
    folder = ten(tmp_path / "in")
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    grade(folder, whole)
    command = [sys.executable, "-m", "optlib_grading", "grade", "--chapter", "7", "--jobs", "1"]
    command += ["--submissions", folder, "--out", halted]
    run = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    records = halted / "records"
    end = time.monotonic() + 60
    while time.monotonic() < end and (not records.exists() or len(list(records.iterdir())) < 3):
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = {path: path.stat().st_mtime_ns for path in records.glob("*.json")}
    assert 2 <= len(done) < 10, "killed in the middle"
    assert not (halted / "gradebook.db").exists()
    grade(folder, halted)
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    assert gradebook(f"sqlite:///{halted}/gradebook.db") == gradebook(
        f"sqlite:///{whole}/gradebook.db"
    )
    assert (halted / "grades.csv").read_bytes() == (whole / "grades.csv").read_bytes()


def test_regrading_touches_what_was_asked_for(tmp_path, quick, monkeypatch):
    folder = hand_in(tmp_path / "in", ada=text(SOLVED), ben=text(SOLVED), cleo=text(STUB))
    out = tmp_path / "out"
    grade(folder, out)
    before = {path.stem: path.stat().st_mtime_ns for path in (out / "records").iterdir()}

    asked = []
    honest = batch.grade_one
    monkeypatch.setattr(batch, "grade_one", lambda *a: asked.append((a[0], a[4:])) or honest(*a))
    grade(folder, out)
    assert not asked
    grade(folder, out, student="ben")
    assert [about["student"] for about, _ in asked] == ["ben"]
    after = {path.stem: path.stat().st_mtime_ns for path in (out / "records").iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"ben"}

    asked.clear()
    record = json.loads((out / "records" / "ada.json").read_text())
    for mark in record["marks"]:
        mark["points"] = 0.5
    (out / "records" / "ada.json").write_text(json.dumps(record))
    records, totals = grade(folder, out, exercise="adam")
    assert len(asked) == 3
    again = {mark["exercise"]: mark["points"] for mark in records["ada"]["marks"]}
    assert again["adam"] == 4 and set(again.values()) == {0.5, 4}
    assert totals["ada"].points == 4 + 0.5 * 5

    with pytest.raises(ValueError, match="STUDENT=zoe"):
        grade(folder, out, student="zoe")
    with pytest.raises(ValueError, match="EXERCISE=lamb"):
        grade(folder, out, exercise="lamb")


def test_a_changed_notebook_is_graded_again(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(STUB))
    assert grade(folder, tmp_path / "out")[1]["ada"].points == 0
    (folder / "ada" / f"{NAME}.ipynb").write_bytes(text(SOLVED))
    assert grade(folder, tmp_path / "out")[1]["ada"].points == FULL


def test_lateness_costs_a_share_for_each_day_begun(tmp_path, quick):
    solved = text(SOLVED)
    folder = hand_in(tmp_path / "in", early=solved, hour=solved, days=solved, months=solved)
    hand_in(folder, unknown=solved, odd=solved)
    times = {
        "early": "2026-12-01 17:59:59 UTC",
        "hour": "2026-12-01 20:00:00 +0100",
        "days": "2026-12-03 18:00:01 UTC",
        "months": "2027-03-01 00:00:00 UTC",
        "odd": "<b>tomorrow</b>",
    }
    for name, when in times.items():
        (folder / name / "timestamp.txt").write_text(when)
    due = batch.gradebook.due_date("2026-12-01 18:00 UTC")
    _, totals = grade(folder, tmp_path / "out", due=due, percent=10)
    late = {"early": 0, "hour": 2, "days": 6, "months": 20, "unknown": 0, "odd": 0}
    assert {name: total.penalty for name, total in totals.items()} == late
    assert {name: total.points for name, total in totals.items()} == {
        name: FULL - penalty for name, penalty in late.items()
    }
    # a later start that names neither changes nothing
    assert grade(folder, tmp_path / "out", student="days")[1] == totals
    # a table of the instructor's counts more than what lies in a student's folder
    (folder / "times.csv").write_text("student,time\ndays,2026-12-01 12:00 UTC\n")
    assert grade(folder, tmp_path / "out")[1]["days"].penalty == 0


def test_manual_scores_survive_another_run(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(STUB))
    grade(folder, tmp_path / "out")
    url = f"sqlite:///{tmp_path}/out/gradebook.db"
    with Gradebook(url) as book:
        book.find_grade("adam-check", NAME, NAME, "ada").manual_score = 3.0
        book.db.commit()
    assert grade(folder, tmp_path / "out", student="ada")[1]["ada"].points == 3.0


def test_the_chapter_is_found_out_from_the_notebooks(tmp_path, quick):
    folder = hand_in(tmp_path / "in", ada=text(SOLVED), bad=b"no")
    assert batch.guess(folder) == NAME
    (folder / "ada" / f"{NAME}.ipynb").unlink()
    with pytest.raises(course.NoAssignment, match="CHAPTER="):
        batch.guess(folder)


@pytest.mark.parametrize("name", course.names())
def test_the_student_version_holds_no_solution(tmp_path, name):
    assert main(["assignment", "--chapter", name, "--out", str(tmp_path), "--checks"]) == 0
    folder = tmp_path / name
    everything = (folder / f"{name}.ipynb").read_text()
    for mark in ("BEGIN", "END SOLUTION", "HIDDEN", "assert check"):
        assert mark not in everything
    release = json.loads(everything)
    source = json.loads(course.source(name).read_text())
    given = "\n".join(student_version("".join(c["source"])) for c in source["cells"])
    for cell in source["cells"]:
        for line in solution_lines("".join(cell["source"])):
            assert line in given or json.dumps(line)[1:-1] not in everything, line
    assert not any(cell.get("outputs") for cell in release["cells"])
    check_ids = {item.check_id for item in course.load(name).items}
    ids = {c["metadata"].get("nbgrader", {}).get("grade_id") for c in release["cells"]}
    assert check_ids <= ids
    assert (folder / "optlib_checks" / "judge.py").exists()


def solution_lines(source):
    """The lines of a solution that say something of their own."""
    inside, found = False, []
    for line in source.splitlines():
        if "### " in line:
            inside = "BEGIN SOLUTION" in line
        elif inside and len(line.strip()) > 12:
            found.append(line.strip())
    return found


def test_unknown_chapters_are_named():
    with pytest.raises(course.NoAssignment, match="07_adam"):
        course.find("77")
    assert course.find("7") == course.find("07") == course.find("07_adam") == "07_adam"


def test_nbgrader_marks_through_the_sandbox(tmp_path):
    """The instructor's own nbgrader: its autograde command with our step in place of Execute."""
    from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
    from nbgrader.coursedir import CourseDirectory
    from optlib_grading.step import configure
    from traitlets.config import Config

    course.programs()
    config = Config()
    configure(config, percent=10)
    config.CourseDirectory.root = str(tmp_path)
    config.CourseDirectory.assignment_id = NAME
    (tmp_path / "source" / NAME).mkdir(parents=True)
    shutil.copy(course.source(NAME), tmp_path / "source" / NAME)
    GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    made = samples.submissions(json.loads(course.source(NAME).read_text()))
    for student in ("ada", "ben", "cleo", "eve", "hugo", "iris"):
        folder = tmp_path / "submitted" / student / NAME
        folder.mkdir(parents=True)
        (folder / f"{NAME}.ipynb").write_text(made[student])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Autograde(coursedir=CourseDirectory(config=config), config=config).start()
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        scores = {s.student.id: s.score for s in book.find_assignment(NAME).submissions}
    assert scores == {"ada": 20, "ben": 0, "cleo": 9, "eve": 0, "hugo": 20, "iris": 20}
    config.CourseDirectory.student_id = "ben"
    GenerateFeedback(coursedir=CourseDirectory(config=config), config=config).start()
    page = (tmp_path / "feedback" / "ben" / NAME / f"{NAME}.html").read_text()
    assert "still empty" in page


def test_the_gradescope_archive_grades_a_submission(tmp_path):
    archive = gradescope.archive("7", tmp_path)
    root = tmp_path / "autograder"
    with zipfile.ZipFile(archive) as file:
        names = set(file.namelist())
        file.extractall(root / "source")
    assert {"setup.sh", "run_autograder", "secret", f"{NAME}/{NAME}.ipynb"} <= names
    assert "BEGIN SOLUTION" not in (root / "source" / NAME / f"{NAME}.ipynb").read_text()
    hand_in(root, submission=text(SOLVED))
    (root / "submission_metadata.json").write_text('{"id": 1, "users": [{"email": "a@b.c"}]}')
    # -S: the archive must do with NumPy and the standard library alone
    path = [root / "source", *lone_numpy(tmp_path)]
    command = [sys.executable, "-S", "-m", "optlib_grading.gradescope", root]
    done = subprocess.run(
        command, cwd=root, env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(map(str, path))},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((root / "results" / "results.json").read_text())
    assert sum(test["score"] for test in found["tests"]) == FULL
    assert [test["status"] for test in found["tests"]] == ["passed"] * 6


def lone_numpy(folder):
    """A folder from which NumPy, and nothing else, can be imported."""
    site = folder / "site"
    site.mkdir()
    for name in ("numpy", "numpy.libs"):
        if (sandbox.NUMPY.parent / name).exists():
            (site / name).symlink_to(sandbox.NUMPY.parent / name)
    return [site]


def test_a_whole_notebook_runs_in_a_sandboxed_kernel(tmp_path):
    import nbformat

    source = nbformat.v4.new_notebook()
    for cell in (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "1 / 0",
        "import os, socket\nprint(os.path.exists('/etc/passwd'), os.geteuid() != 0)\n"
        "socket.create_connection(('127.0.0.1', 22), timeout=1)",
    ):
        source.cells.append(nbformat.v4.new_code_cell(cell))
    nbformat.write(source, tmp_path / "in.ipynb")
    kernel.execute(tmp_path / "in.ipynb", tmp_path / "out.ipynb")
    plot, error, look = nbformat.read(tmp_path / "out.ipynb", 4).cells
    assert "image/png" in plot.outputs[0].data
    assert error.outputs[0].ename == "ZeroDivisionError"
    assert look.outputs[0].text == "False True\n"
    assert look.outputs[1].ename in ("ConnectionRefusedError", "OSError")


def test_a_dask_cluster_gives_the_same_marks(tmp_path):
    """Also the one test that makes its gradebooks and processes as an instructor's start does."""
    distributed = pytest.importorskip("distributed")
    folder = ten(tmp_path / "in")
    here = grade(folder, tmp_path / "here", jobs=2)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
    ) as cluster:
        there = grade(folder, tmp_path / "there", dask=cluster.scheduler_address)
    assert there == here
    assert gradebook(f"sqlite:///{tmp_path}/there/gradebook.db") == gradebook(
        f"sqlite:///{tmp_path}/here/gradebook.db"
    )


def test_the_ten_samples_earn_what_the_page_for_instructors_says(tmp_path, quick):
    page = (course.ROOT.parent / "chapters" / "z_for_instructors.md").read_text("utf-8")
    said = {m[1]: float(m[2]) for m in re.finditer(r"^\| (\w+) \| .* \| (\d+) \|$", page, re.M)}
    samples.write("7", tmp_path / "in")
    due = batch.gradebook.due_date("2026-12-01 18:00 UTC")
    _, totals = grade(tmp_path / "in", tmp_path / "out", due=due, percent=10)
    assert {name: total.points for name, total in totals.items()} == said
    assert len(said) == 10


def test_the_page_for_instructors_counts_exercises_and_points():
    page = (course.ROOT.parent / "chapters" / "z_for_instructors.md").read_text("utf-8")
    rows = re.findall(r"^\| \[\d+\]\(\.\./exercises/(\w+)/.*?\) \| ([\d |]+) \|$", page, re.M)
    assert [name for name, _ in rows] == course.names()
    kinds = ({"function"}, {"numbers", "choice"}, {"array", "tests"})
    for name, numbers in rows:
        items = course.load(name).items
        reads = [EXERCISES[item.exercise].reads for item in items]
        found = [len(items), sum(item.points for item in items)]
        found += [sum(kind in group for kind in reads) for group in kinds]
        assert [int(number) for number in numbers.split("|")] == found, name
    every = [course.load(name) for name in course.names()]
    exercises, points = sum(len(a.items) for a in every), sum(a.points for a in every)
    assert f"{exercises} exercises and {points:.0f} points" in page


@pytest.mark.parametrize("options", [[], ["--submissions", "", "--out", ""]])
def test_missing_arguments_are_named(options, capsys):
    with contextlib.suppress(SystemExit):
        assert main(["grade", *options]) == 1
    assert "submissions" in capsys.readouterr().err.lower()


def test_submissions_are_read_without_following_links(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_text("{}")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").symlink_to(secret)
    (found,) = submissions.collect(tmp_path / "in", NAME)
    with pytest.raises(submissions.Unreadable, match="link"):
        found.read()


@pytest.fixture
def postgres():
    """The URL of a PostgreSQL of our own, on a socket; as root it runs as another user."""
    pytest.importorskip("psycopg")
    programs = postgres_programs()
    if not programs:
        missing = "no PostgreSQL on this machine: apt-get install postgresql"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    other = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as folder:
        if other:
            shutil.chown(folder, "nobody")
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | other
        data = f"{folder}/data"
        subprocess.run([programs / "initdb", "-U", "ann", "-A", "trust", data], check=True, **quiet)
        options = ["-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        server = subprocess.Popen([programs / "postgres", "-D", data, *options], **quiet)
        try:
            yield f"postgresql://ann@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # without waiting for connections to close
            server.wait(timeout=30)


def postgres_programs():
    """The folder of initdb and postgres, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    by_name = shutil.which("initdb")
    return found[-1].parent if found else Path(by_name).parent if by_name else None


def test_the_gradebook_may_be_on_postgresql(tmp_path, threads, postgres):
    import sqlalchemy

    for _ in range(100):
        with contextlib.suppress(sqlalchemy.exc.OperationalError):
            # without a pool: nothing stays open when the server goes
            poolless = {"poolclass": sqlalchemy.pool.NullPool}
            sqlalchemy.create_engine(postgres, **poolless).connect().close()
            break
        time.sleep(0.1)
    folder = hand_in(tmp_path / "in", ada=text(SOLVED), ben=text(STUB))
    _, totals = grade(folder, tmp_path / "out", url=postgres)
    assert (totals["ada"].points, totals["ben"].points) == (FULL, 0)
    before = gradebook(postgres)
    assert [row[0] for row in before] == ["ada", "ben"]
    grade(folder, tmp_path / "out", url=postgres, student="ada")
    assert gradebook(postgres) == before
    assert not (tmp_path / "out" / "gradebook.db").exists()
