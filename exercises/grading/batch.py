"""A class: many notebooks in parallel, here or on a Dask cluster; one record each; resumable.

A student's record is written as soon as it is there. A second start leaves out the students whose
notebook, exercises and grader have not changed since. The gradebook is written from the records,
by this process alone.
"""

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
from pathlib import Path

import joblib
import optlib_checks
from optlib_grading import course, gradebook, notebook, report, sandbox, submissions
from optlib_grading.record import grade_one
from tqdm import tqdm

EXERCISE_FILES = sorted(Path(optlib_checks.__file__).parent.glob("*.py"))
GRADER_FILES = sorted(Path(__file__).parent.glob("*.py"))


def grade(
    folder, out, *, chapter=None, url=None, jobs=None, dask=None, due=None, percent=None,
    student=None, exercise=None, quiet=False,
):  # fmt: skip
    """Grade a folder of submissions into the folder ``out``.

    chapter: which assignment; found out from the notebooks if None.
    url: of the gradebook; ``out/gradebook.db`` if None.
    jobs: processes on this machine; dask: address of a Dask scheduler to use instead.
    due: datetime in UTC; percent: taken off for each day begun after it. Both are remembered
        in ``out``, so that a later start without them changes nothing.
    student, exercise: grade this student, or this exercise of everyone, once more.
    Returns (records, totals). Raises `sandbox.Unavailable` where there is no sandbox.
    """
    if not dask:
        sandbox.require()
    out = Path(out)
    (out / "records").mkdir(parents=True, exist_ok=True)
    name = course.find(chapter) if chapter else guess(folder)
    assignment = course.load(name)
    handed_in = submissions.collect(folder, name)
    check_names(student, exercise, handed_in, assignment)
    class_ = Class(assignment, out, secret(out))
    todo = class_.todo(handed_in, student, exercise)
    done = len(handed_in) - len(todo)
    bar = tqdm(total=len(handed_in), initial=done, desc=name, unit="notebook", disable=quiet)
    with bar, parallel(jobs, dask) as run:
        for record in run(
            joblib.delayed(grade_one)(*task) for task in class_.tasks(todo, exercise)
        ):
            class_.save(record)
            bar.update()
    records = class_.records(handed_in)
    url = url or gradebook.default_url(out)
    with tempfile.TemporaryDirectory() as scratch:
        gradebook.prepare(assignment, url, scratch)
    totals = gradebook.write(records, assignment, url, due, remembered(out, percent))
    report.write(out, assignment, records, totals)
    return records, totals


class Class:
    """The records of a class in the output folder."""

    def __init__(self, assignment, out, secret):
        self.assignment = assignment
        self.folder = Path(out) / "records"
        self.secret = secret
        self.context = fingerprint(
            assignment.to_json().encode(),
            secret,
            *(path.read_bytes() for path in EXERCISE_FILES + GRADER_FILES),
        )

    def path(self, key):
        return self.folder / f"{key}.json"

    def load(self, key):
        """A student's record, or None."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self.path(key).read_text("utf-8"))

    def save(self, record):
        report.save(self.path(record["key"]), json.dumps(record, ensure_ascii=False))

    def todo(self, handed_in, student=None, exercise=None):
        """The submissions that are asked for, or else those without a record of their state."""
        if student:
            return [submission for submission in handed_in if submission.student == student]
        if exercise:
            return handed_in
        return [submission for submission in handed_in if not self._is_current(submission)]

    def tasks(self, todo, exercise=None):
        """The arguments of `grade_one` for each submission."""
        for submission in todo:
            data, about = self._describe(submission)
            old = self.load(submission.key)
            keep = old if exercise and old and old["marks"] and _same_notebook(old, about) else None
            yield about, data, self.assignment, self.secret, keep, exercise

    def _is_current(self, submission):
        old = self.load(submission.key)
        about = self._describe(submission)[1]
        return bool(old) and _same_notebook(old, about) and old["context"] == self.context

    def _describe(self, submission):
        """(the notebook's bytes, the first entries of its record)"""
        try:
            data, problem = submission.read(), ""
        except notebook.Unreadable as why:
            data, problem = b"", str(why)
        return data, {
            "student": submission.student,
            "key": submission.key,
            "digest": fingerprint(data, problem.encode()),
            "context": self.context,
            "problem": problem,
            "note": submission.note,
        }

    def records(self, handed_in):
        """The records there are. What was handed in when is read anew each time."""
        found = ((submission, self.load(submission.key)) for submission in handed_in)
        return [record | {"time": submission.time} for submission, record in found if record]


def _same_notebook(old, about):
    return old["digest"] == about["digest"]


@contextlib.contextmanager
def parallel(jobs=None, dask=None):
    """A `joblib.Parallel` that yields results as they come."""
    options = {"return_as": "generator_unordered", "batch_size": 1, "pre_dispatch": "3*n_jobs"}
    if not dask:
        yield joblib.Parallel(n_jobs=jobs or joblib.cpu_count(), **options)
        return
    from distributed import Client

    with Client(dask) as client:
        client.run(sandbox.require)
        with joblib.parallel_config("dask"):
            yield joblib.Parallel(n_jobs=-1, **options)


def guess(folder):
    """The assignment that most of the notebooks in a folder belong to.

    Raises `course.NoAssignment` if none of them belongs to any.
    """
    assignments = [course.load(name) for name in course.names()]
    votes = {assignment.name: 0 for assignment in assignments}
    for submission in submissions.collect(folder, "")[:200]:
        with contextlib.suppress(notebook.Unreadable):
            ids = {cell.grade_id for cell in notebook.read(submission.read())}
            shared = [len(ids & {item.check_id for item in a.items}) for a in assignments]
            if any(shared):
                votes[assignments[shared.index(max(shared))].name] += 1
    if not any(votes.values()):
        raise course.NoAssignment(
            "the notebooks do not say which chapter they belong to; name it: CHAPTER=07."
        )
    return max(votes, key=votes.get)


def remembered(out, percent):
    """The percentage given, or the one given last time, or none."""
    path = Path(out) / "late.json"
    if percent is not None:
        report.save(path, json.dumps({"percent": percent}))
    return json.loads(path.read_text())["percent"] if path.exists() else 0.0


def check_names(student, exercise, handed_in, assignment):
    """ValueError for a student or an exercise that is not there."""
    students = [submission.student for submission in handed_in]
    if student and student not in students:
        raise ValueError(f"STUDENT={student} is not among the {len(students)} submissions.")
    exercises = [item.exercise for item in assignment.items]
    if exercise and exercise not in exercises:
        raise ValueError(f"EXERCISE={exercise} is none of {', '.join(exercises)}.")


def secret(out):
    """The secret of the seeds: GRADING_SECRET, or the one kept in the output folder."""
    given = os.environ.get("GRADING_SECRET")
    if given:
        return given.encode()
    path = Path(out) / "secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text().strip().encode()


def fingerprint(*parts):
    """One short text for a sequence of bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
