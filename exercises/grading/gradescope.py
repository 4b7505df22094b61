"""Gradescope: the archive to upload, and what its machine runs.

In the archive lie this package, `optlib_checks` and the student version of the notebook, which
says what each exercise is worth. `python3 -m optlib_grading.gradescope` reads the submission and
writes results.json.
"""

import json
import secrets
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import optlib_checks
from optlib_grading import course, record, sandbox, submissions
from optlib_grading.notebook import Unreadable

SETUP = f"""#!/usr/bin/env bash
set -e
apt-get update
apt-get install -y bubblewrap python3 python3-venv
python3 -m venv /autograder/python
/autograder/python/bin/pip install numpy=={np.__version__}
"""
RUN = """#!/usr/bin/env bash
cd /autograder/source
exec /autograder/python/bin/python -m optlib_grading.gradescope /autograder
"""


def archive(chapter, folder):
    """Write the autograder archive of a chapter into a folder. Returns its path."""
    name = course.find(chapter)
    path = Path(folder, f"{name}_autograder.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for text, inside in ((SETUP, "setup.sh"), (RUN, "run_autograder")):
            entry = zipfile.ZipInfo(inside)
            entry.external_attr = 0o755 << 16
            file.writestr(entry, text)
        file.writestr("secret", secrets.token_hex(32))
        for package, inside in (
            (Path(__file__).parent, "optlib_grading"),
            (Path(optlib_checks.__file__).parent, "optlib_checks"),
        ):
            for source in sorted(package.glob("*.py")):
                file.write(source, f"{inside}/{source.name}")
        with tempfile.TemporaryDirectory() as scratch:
            file.write(course.release(name, scratch), f"{name}/{name}.ipynb")
    return path


def results(submission, secret, student):
    """The contents of results.json for a folder with one submitted notebook.

    student: what the random cases depend on; on Gradescope each upload has cases of its own, so
    that nothing can be found out by uploading often.
    """
    (name,) = course.names()
    assignment = course.load(name)
    about = {"student": student, "problem": "", "note": ""}
    data = b""
    try:
        path, about["note"] = submissions.choose(submissions.notebooks(submission), name)
        data = submissions.read_file(path, submissions.MOST_BYTES)
    except Unreadable as why:
        about["problem"] = str(why)
    graded = record.grade_one(about, data, assignment, secret)
    marks = {mark["exercise"]: mark for mark in graded["marks"]}
    return {
        "output": graded["problem"] or graded["note"],
        "output_format": "text",
        "tests": [_test(item, marks.get(item.exercise)) for item in assignment.items],
    }


def _test(item, mark):
    points = mark["points"] if mark else 0.0
    return {
        "name": item.title,
        "score": points,
        "max_score": item.points,
        "status": "passed" if points == item.points else "failed",
        "output": mark["line"] if mark else "not graded",
        "output_format": "text",
    }


def main(folder="/autograder"):
    """What run_autograder runs. Without a sandbox it ends with an error and writes no marks."""
    folder = Path(folder)
    sandbox.require()
    secret = (course.ROOT / "secret").read_bytes()
    try:
        about = json.loads((folder / "submission_metadata.json").read_text("utf-8"))
    except (OSError, ValueError):
        about = {}
    users = [str(user.get("email")) for user in about.get("users", [])]
    found = results(folder / "submission", secret, f"{users}/{about.get('id')}")
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results" / "results.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
