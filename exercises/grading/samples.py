"""Ten made-up submissions, good, bad, broken and hostile, to try the grading on."""

import copy
import json
from pathlib import Path

from optlib_checks.regions import solved_version, student_version
from optlib_grading import course

ENDLESS = "while True:\n    pass"
EXIT = "import os\nos._exit(0)"
CHEAT = "import numpy as np\nnp.allclose = np.array_equal = lambda *a, **k: True"


def write(chapter, folder):
    """Write the ten into a folder, one folder each. Returns their names."""
    name = course.find(chapter)
    source = json.loads(course.source(name).read_text("utf-8"))
    for student, notebook in submissions(source).items():
        path = Path(folder, student, f"{name}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook, encoding="utf-8")
    Path(folder, "gina", "timestamp.txt").write_text("2026-12-02 09:30:00 UTC\n")
    return sorted(submissions(source))


def submissions(source):
    """dict of student -> text of the notebook."""
    solved, stub = version(source, solved_version), version(source, student_version)
    return {
        "ada": json.dumps(solved),
        "ben": json.dumps(stub),
        "cleo": json.dumps(half(solved, stub)),
        "dora": json.dumps(wrong(solved)),
        "eve": json.dumps(with_cell(stub, CHEAT)),
        "finn": json.dumps(solved)[:2000],
        "gina": json.dumps(solved),
        "hugo": json.dumps(without_checks(solved)),
        "iris": json.dumps(with_cell(solved, EXIT, 3)),
        "jan": json.dumps(with_cell(solved, ENDLESS, 5)),
    }


def version(notebook, change):
    """A copy with every code cell changed and all outputs gone."""
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = change("".join(cell["source"]))
            cell["outputs"], cell["execution_count"] = [], None
    return made


def half(solved, stub):
    """The first half of the cells solved, the rest as handed out."""
    middle = len(solved["cells"]) // 2
    return solved | {"cells": solved["cells"][:middle] + stub["cells"][middle:]}


def wrong(solved):
    """Solved, with a slip in most of the answers."""

    def slip(text):
        return (
            text.replace("**2", "**3").replace("0.999**100", "0.999**1000").replace("- lr", "+ lr")
        )

    return version(solved, slip)


def with_cell(notebook, source, at=2):
    """With one more code cell."""
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": []}
    cells = notebook["cells"]
    return notebook | {"cells": [*cells[:at], cell | {"execution_count": None}, *cells[at:]]}


def without_checks(notebook):
    """With every check cell deleted."""
    kept = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]
    return notebook | {"cells": kept}
