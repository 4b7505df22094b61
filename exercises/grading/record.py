"""One student's record, made in any process on any machine that has the sandbox."""

from dataclasses import asdict

from optlib_grading import notebook
from optlib_grading.marking import mark, seed

LONGEST_ANSWER = 20_000


def grade_one(about, data, assignment, secret, keep=None, exercise=None):
    """Grade one notebook.

    about: the record's first entries; data: the notebook's bytes, none if it has a problem.
    keep: an older record of the same notebook, whose marks stay except for the one ``exercise``.
    Returns the record: a dict of plain values. Never raises on account of the notebook.
    """
    record = about | {"marks": [], "answers": {}}
    if about["problem"]:
        return record
    try:
        cells = notebook.read(data)
    except notebook.Unreadable as why:
        return record | {"problem": str(why)}
    only = {exercise} if keep else None
    marks = mark(cells, assignment, lambda name: seed(secret, about["student"], name), only)
    new = {one.exercise: asdict(one) for one in marks}
    old = {one["exercise"]: one for one in keep["marks"]} if keep else {}
    record["marks"] = [(old | new)[item.exercise] for item in assignment.items]
    record["answers"] = answers(cells, assignment)
    return record


def answers(cells, assignment):
    """The text of each answer, for the feedback page."""
    sources = {cell.grade_id: cell.source for cell in cells if cell.grade_id}
    return {
        item.exercise: sources[item.answer_id][:LONGEST_ANSWER]
        for item in assignment.items
        if item.answer_id in sources
    }
