"""A folder of submissions: who handed in which notebook, and when. Names are not trusted either."""

import csv
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from optlib_grading.notebook import MOST_BYTES, Unreadable

TIMES = "times.csv"
LITTER = {".DS_Store", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini", "__MACOSX", ".git"}
MOST_FILES = 2000  # looked at in one student's folder
LONGEST_NAME = 80


@dataclass(frozen=True)
class Submission:
    """One student's submission.

    student: the name for the gradebook; key: the name of the student's files in the output.
    path: of the notebook, or None with the reason in ``problem``.
    time: when it was handed in, as written beside it; None if that is not known.
    note: what else there is to say.
    """

    student: str
    key: str
    path: Path | None
    problem: str = ""
    time: str | None = None
    note: str = ""

    def read(self):
        """The bytes of the notebook. Raises `Unreadable` with the reason."""
        if self.path is None:
            raise Unreadable(self.problem)
        return read_file(self.path, MOST_BYTES)


def collect(folder, assignment):
    """All submissions in a folder, in the order of the students' names.

    folder: one folder for each student with a notebook in it, at any depth (nbgrader's
    ``submitted/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb`` is such a layout), or one file STUDENT.ipynb
    for each. ``times.csv`` beside them, with the columns student and time, says when.
    """
    times = read_times(Path(folder) / TIMES)
    found, taken = [], set()
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in LITTER or entry.name.startswith("._") or entry.name == TIMES:
            continue
        submission = _submission(entry, assignment, times)
        if submission.student.lower() in taken:
            submission = _twice(submission, entry.name)
        taken.add(submission.student.lower())
        found.append(submission)
    return sorted(found, key=lambda submission: submission.student)


def _submission(entry, assignment, times):
    is_folder = entry.is_dir(follow_symlinks=False)
    name = entry.name if is_folder else os.path.splitext(entry.name)[0]
    student = safe_name(name)
    path, problem, note = None, "", ""
    try:
        if is_folder:
            path, note = choose(notebooks(entry.path), assignment)
        elif entry.name.lower().endswith(".ipynb"):
            path = Path(entry.path)
        else:
            problem = "the file is not a notebook: its name does not end in .ipynb."
    except Unreadable as why:
        problem = str(why)
    time = times.get(name) or (written_time(Path(entry.path)) if is_folder else None)
    return Submission(student, file_name(student), path, problem, time, note)


def notebooks(folder):
    """The notebooks below a student's folder. Links are not followed."""
    found, seen = [], 0
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MOST_FILES:
                raise Unreadable(f"the folder holds more than {MOST_FILES} files.")
            if name.lower().endswith(".ipynb") and not name.startswith("."):
                found.append(Path(parent, name))
    return found


def choose(paths, assignment):
    """(the notebook to grade, a note). Raises `Unreadable` if it is not clear which one it is."""
    if not paths:
        raise Unreadable("there is no notebook in the folder.")
    if len(paths) == 1:
        return paths[0], ""
    right = [path for path in paths if path.name == f"{assignment}.ipynb"]
    if len(right) == 1:
        return right[0], f"graded {assignment}.ipynb, one of {len(paths)} notebooks in the folder."
    raise Unreadable(
        f"there are {len(paths)} notebooks, and it is not clear which to grade: hand in one, named "
        f"{assignment}.ipynb."
    )


def read_file(path, most):
    """The bytes of a plain file: no link, no pipe, no device. Raises `Unreadable`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise Unreadable("the file is a link or cannot be opened.") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable("this is not a plain file.")
        return file.read(most + 1)


def read_times(path):
    """dict of student -> time from a table with these two columns; empty if there is none."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"student", "time"} <= set(rows[0]):
        raise ValueError(f"{path} needs the columns student and time; it has {list(rows[0])}.")
    return {row["student"]: row["time"] for row in rows}


def written_time(folder):
    """What nbgrader's timestamp.txt in a student's folder says; None without one."""
    for parent, _, files in os.walk(folder):
        if "timestamp.txt" in files:
            try:
                text = read_file(Path(parent, "timestamp.txt"), 100).decode("ascii").strip()
            except (Unreadable, UnicodeDecodeError):
                return None
            return text if re.fullmatch(r"[\w:.+ -]{8,60}", text) else None
    return None


def safe_name(name):
    """A student's name as it may stand in a table, a page and a database.

    Letters, digits and a few signs stay. A name that had to be changed gets a suffix of its own,
    so that two names never become one.
    """
    kept = "".join(c if c.isalnum() or c in "._-@ ," else "_" for c in name)
    kept = " ".join(kept.split()).lstrip("-@.=+ ")[:LONGEST_NAME]
    return kept if kept and kept == name else f"{kept or 'unnamed'}-{_hash(name)}"


def file_name(student):
    """A student's name as a file name in plain ASCII."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", student):
        return student
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", student).strip("_-")
    return f"{plain or 'student'}-{_hash(student)}"


def _twice(submission, name):
    again = f"{submission.student}-{_hash(name)}"
    return Submission(
        student=again,
        key=file_name(again),
        path=None,
        problem=f"there is another submission of {submission.student}; this one is not graded.",
        time=submission.time,
    )


def _hash(name):
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]
