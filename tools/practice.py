"""The exercises as a learner works on them: `.venv/bin/python tools/practice.py [FOLDER]`

Writes practice/NN_name.ipynb, without solutions, for each exercise notebook. A file that is there
already is left alone: it may hold a learner's work. `make lab` and Binder run this.
"""

import sys
from pathlib import Path

import nbformat
from optlib_checks.regions import student_version

ROOT = Path(__file__).resolve().parent.parent


def practice_version(notebook):
    """A copy without solutions, hidden tests, outputs and grading metadata."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        cell.metadata.pop("nbgrader", None)
        if cell.cell_type == "code":
            cell.source = student_version(cell.source)
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("tags", None)
    return copy


def write(folder):
    """Write what is missing in folder; returns the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted((ROOT / "exercises").glob("[0-9]*/*.ipynb")):
        target = folder / source.name
        if not target.exists():
            nbformat.write(practice_version(nbformat.read(source, 4)), target)
            written.append(target)
    return written


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "practice"
    for path in write(folder):
        print(f"wrote {path.parent.name}/{path.name}")
