"""The step that takes the place of nbgrader's Execute, for JupyterHub and its formgrader.

In ``nbgrader_config.py``: ``from optlib_grading.step import configure`` and ``configure(c)``.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from nbgrader.utils import is_grade, is_solution
from optlib_grading import course, sandbox
from optlib_grading.late import PerDay
from optlib_grading.marking import mark, seed
from optlib_grading.notebook import Cell, without_magics
from traitlets import Unicode

NOTICE = "# This cell was missing and has been put back.\n"


def configure(config, percent=0.0):
    """Set up nbgrader's configuration ``c`` for the book's assignments.

    percent: taken off the points reached, for each day begun after the due date.
    """
    config.ClearSolutions.code_stub = {"python": course.STUB}
    config.ClearSolutions.text_stub = course.STUB
    config.Autograde.autograde_preprocessors = [
        SandboxedMarks,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    config.AssignLatePenalties.plugin_class = PerDay
    config.PerDay.percent = percent


class SandboxedMarks(NbGraderPreprocessor):
    """Marks a notebook in the sandbox and leaves the result as the output of its check cells.

    Nothing of the student's runs in this process or in a kernel. Check cells that were deleted
    are put back; what edited ones contain does not matter, as they are not run.
    """

    secret = Unicode(
        help="of the random cases' seeds; else GRADING_SECRET, else one kept beside the gradebook"
    ).tag(config=True)

    def preprocess(self, nb, resources):
        sandbox.require()
        about = resources["nbgrader"]
        assignment = course.load(about["assignment"])
        restore(nb, about)
        secret = self._secret(about["db_url"])
        marks = mark(code_cells(nb), assignment, lambda name: seed(secret, about["student"], name))
        by_check = {item.check_id: one for item, one in zip(assignment.items, marks)}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                if is_grade(cell) and not is_solution(cell):
                    cell.outputs = outputs(by_check.get(cell.metadata.nbgrader["grade_id"]))
        return nb, resources

    def _secret(self, url):
        from optlib_grading.batch import secret

        if self.secret:
            return self.secret.encode()
        parts = urlsplit(url)
        return secret(Path(parts.path).parent if parts.scheme == "sqlite" else os.getcwd())


def restore(nb, about):
    """Put back the check cells that are not there, at the end."""
    there = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
    with Gradebook(about["db_url"]) as book:
        source = book.find_notebook(about["notebook"], about["assignment"])
        cells = {cell.name: cell for cell in source.source_cells}
        for grade in source.grade_cells:
            if grade.name not in there:
                nb.cells.append(_restored(cells[grade.name], grade))


def _restored(source, grade):
    about = {
        "schema_version": 3,
        "grade_id": grade.name,
        "grade": True,
        "solution": False,
        "task": False,
        "locked": True,
        "points": grade.max_score,
        "cell_type": "code",
        "checksum": source.checksum,
    }
    return new_code_cell(NOTICE + source.source, metadata={"nbgrader": about})


def code_cells(nb):
    """The `notebook.Cell` list of a notebook that nbgrader has read."""
    return [
        Cell(
            number=number,
            source=without_magics(cell.source),
            grade_id=cell.metadata.get("nbgrader", {}).get("grade_id"),
            is_check=is_grade(cell) and not is_solution(cell),
        )
        for number, cell in enumerate(nb.cells, start=1)
        if cell.cell_type == "code"
    ]


def outputs(mark):
    """What nbgrader reads a mark from: an error for none, a number for a part of the points."""
    if mark is None:
        return [_failure("this cell belongs to no exercise")]
    if not mark.points:
        return [_failure(mark.line)]
    said = [new_output("stream", name="stdout", text=mark.line + "\n")]
    if mark.points < mark.out_of:
        part = {"text/plain": repr(mark.points)}
        said.append(new_output("execute_result", data=part, execution_count=1))
    return said


def _failure(line):
    return new_output("error", ename="NotYet", evalue=line, traceback=[line])
