"""nbgrader's gradebook: SQLite by default, PostgreSQL by its URL. One process writes it."""

from pathlib import Path

from nbgrader.api import Assignment as AssignmentRow
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import parse_utc
from optlib_grading import course
from optlib_grading.late import PerDay
from optlib_grading.report import Total


def default_url(folder):
    """The URL of the SQLite gradebook in an output folder."""
    return f"sqlite:///{Path(folder).resolve() / 'gradebook.db'}"


def due_date(text):
    """A date as nbgrader keeps it: UTC, unless the text names a zone. ValueError if it is none."""
    try:
        return parse_utc(text)
    except (ValueError, OverflowError, TypeError):
        raise ValueError(f"DUE={text} is not a date; write it like 2026-12-01 18:00 UTC.") from None


def submission_time(text):
    """The time of a submission, or None if it is not known or not a time."""
    try:
        return parse_utc(text) if text else None
    except (ValueError, OverflowError, TypeError):
        return None


def prepare(assignment, url, scratch):
    """Enter the assignment in the gradebook if it is not there as it is now."""
    course.programs()
    with Gradebook(url) as book:
        if _points(book, assignment.name) == {i.check_id: i.points for i in assignment.items}:
            return
    course.release(assignment.name, scratch, url)


def write(records, assignment, url, due=None, percent=0.0):
    """Write the marks of a class. Manual scores and comments are left as they are.

    records: dicts as made by `batch`.
    due: a datetime in UTC, or None to leave it; percent: of the points, for each day begun.
    Returns a dict of student -> `Total`. Writing the same records again changes nothing.
    """
    with Gradebook(url) as book:
        entry = book.find_assignment(assignment.name)
        entry.duedate = due or entry.duedate
        cells = _cells(entry, assignment)
        notebooks = _notebooks(book, entry, records)
        for record in records:
            _set_marks(notebooks[record["student"]], cells, record)
        book.db.commit()
        totals = {}
        for record in records:
            notebook = notebooks[record["student"]]
            penalty = _penalty(notebook, percent)
            notebook.late_submission_penalty = penalty or None
            totals[record["student"]] = Total(round(notebook.score, 2), penalty)
        book.db.commit()
    return totals


def _points(book, name):
    entry = book.db.query(AssignmentRow).filter(AssignmentRow.name == name).one_or_none()
    cells = [
        cell for notebook in (entry.notebooks if entry else []) for cell in notebook.grade_cells
    ]
    return {cell.name: cell.max_score for cell in cells}


def _cells(entry, assignment):
    """Gradebook cell id -> exercise, for grade cells and for the cells of answers."""
    (notebook,) = entry.notebooks
    checks = {item.check_id: item.exercise for item in assignment.items}
    answers = {item.answer_id: item.exercise for item in assignment.items}
    cells = {cell.id: checks[cell.name] for cell in notebook.grade_cells}
    return cells | {c.id: answers[c.name] for c in notebook.solution_cells if c.name in answers}


def _notebooks(book, entry, records):
    """Student -> the gradebook's row for the notebook, made where it is not there.

    nbgrader's own functions commit after each row, which is slow for a class.
    """
    students = {student.id: student for student in book.students}
    handed_in = {submission.student_id: submission for submission in entry.submissions}
    with book.db.no_autoflush:
        for record in records:
            name = record["student"]
            if name not in students:
                students[name] = Student(id=name)
                book.db.add(students[name])
            if name not in handed_in:
                handed_in[name] = _submission(book, entry, students[name])
            handed_in[name].timestamp = submission_time(record["time"])
    return {name: submission.notebooks[0] for name, submission in handed_in.items()}


def _submission(book, entry, student):
    """A new submission with an empty grade and comment for each cell."""
    submission = SubmittedAssignment(assignment=entry, student=student)
    (source,) = entry.notebooks
    notebook = SubmittedNotebook(notebook=source, assignment=submission)
    for cell in source.grade_cells:
        Grade(cell_id=cell.id, notebook=notebook)
    for cell in source.solution_cells:
        Comment(cell_id=cell.id, notebook=notebook)
    book.db.add(submission)
    return submission


def _set_marks(notebook, cells, record):
    marks = {mark["exercise"]: mark for mark in record["marks"]}
    for grade in notebook.grades:
        mark = marks.get(cells[grade.cell_id])
        grade.auto_score = mark["points"] if mark else 0.0
        grade.needs_manual_grade = grade.manual_score is not None
    for comment in notebook.comments:
        mark = marks.get(cells.get(comment.cell_id))
        comment.auto_comment = mark["line"] if mark else record["problem"] or None


def _penalty(notebook, percent):
    late = notebook.assignment.total_seconds_late
    if not late or not percent:
        return 0.0
    return PerDay(percent=percent).late_submission_penalty("", notebook.score, late)
