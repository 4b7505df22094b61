"""Notebooks for the grading tests: honest, hostile and with tampered cells."""

import copy
import json

from optlib_checks.regions import solved_version, student_version
from optlib_grading import course
from optlib_grading.samples import version, with_cell, without_checks

ASSIGNMENT = course.load("07_adam")
SOURCE = json.loads(course.source("07_adam").read_text("utf-8"))
SOLVED = version(SOURCE, solved_version)
STUB = version(SOURCE, student_version)
HAND_IN = "\n" + "\n".join(
    f"{item.exercise} = globals().get({item.exercise!r}, cheat)" for item in ASSIGNMENT.items
)


def text(notebook):
    return json.dumps(notebook).encode()


def hostile(source, port=9):
    """Only imports, the attack as a cell, and the checks."""
    kept = [c for c in STUB["cells"] if not about(c).get("solution")]
    source = source.replace("PORT", str(port)) + HAND_IN
    return with_cell(STUB | {"cells": kept}, source)


def about(cell):
    return cell["metadata"].get("nbgrader", {})


def edited(notebook, change):
    """A copy with ``change(cell)`` applied to each check cell."""
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        if about(cell).get("grade"):
            change(cell)
    return made


def empty_checks(cell):
    cell["source"] = "assert True"


def dear_checks(cell):
    cell["metadata"]["nbgrader"]["points"] = 1000


def checks_as_solutions(cell):
    cell["metadata"]["nbgrader"] |= {"solution": True, "locked": False}


def checks_as_text(cell):
    cell["cell_type"] = "markdown"


def foreign_ids(cell):
    cell["metadata"]["nbgrader"]["grade_id"] = "../../" + about(cell)["grade_id"]


def doubled(notebook):
    """Every check cell twice, the first time before its answer."""
    checks = [cell for cell in notebook["cells"] if about(cell).get("grade")]
    return notebook | {"cells": [*checks, *notebook["cells"]]}


TAMPERED = {
    "edited checks": lambda nb: edited(nb, empty_checks),
    "more points": lambda nb: edited(nb, dear_checks),
    "checks made solutions": lambda nb: edited(nb, checks_as_solutions),
    "checks made text": lambda nb: edited(nb, checks_as_text),
    "other ids": lambda nb: edited(nb, foreign_ids),
    "deleted checks": without_checks,
    "doubled checks": doubled,
}
