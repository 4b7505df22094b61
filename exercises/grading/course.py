"""Assignments: from the source notebook of a chapter to its student version and its points."""

import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import optlib_checks
from optlib_checks.regions import STUB

ROOT = Path(__file__).resolve().parent.parent


class NoAssignment(ValueError):
    """There is no such assignment. The text says which there are."""


@dataclass(frozen=True)
class Item:
    """One exercise: its name in `optlib_checks`, its heading, its cells' ids and its points."""

    exercise: str
    title: str
    answer_id: str
    check_id: str
    points: float


@dataclass(frozen=True)
class Assignment:
    """A chapter's exercises: the notebook's name, such as 07_adam, and its items in order."""

    name: str
    items: tuple[Item, ...]

    @property
    def points(self):
        return sum(item.points for item in self.items)

    def to_json(self):
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text):
        data = json.loads(text)
        return cls(data["name"], tuple(Item(**item) for item in data["items"]))


def names():
    """The names of all assignments: the folders with a notebook of the same name."""
    return sorted(
        path.stem for path in ROOT.glob("[0-9]*/*.ipynb") if path.stem == path.parent.name
    )


def find(chapter):
    """The name of a chapter's assignment: "7", "07" and "07_adam" all find 07_adam.

    Raises `NoAssignment` if there is none.
    """
    wanted = str(chapter).strip()
    for name in names():
        number = name.partition("_")[0]
        if wanted == name or (wanted.isdigit() and int(wanted) == int(number)):
            return name
    raise NoAssignment(f"CHAPTER={wanted} has no exercises; there are {', '.join(names())}.")


def source(name):
    """The path of an assignment's source notebook."""
    return ROOT / name / f"{name}.ipynb"


def load(chapter):
    """The `Assignment` of a chapter, from its source notebook.

    A check cell with the id bias-after-100-check belongs to the exercise bias_after_100.
    """
    name = find(chapter)
    notebook = json.loads(source(name).read_text("utf-8"))
    items, title = [], ""
    for cell in notebook["cells"]:
        title = _heading(cell) or title
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade") and not about.get("solution"):
            check_id = about["grade_id"]
            answer_id = check_id.removesuffix("-check")
            exercise = answer_id.replace("-", "_")
            if exercise not in optlib_checks.EXERCISES:
                raise NoAssignment(f"{name}: the cell {check_id} names no exercise.")
            points = float(about["points"])
            items.append(Item(exercise, title or exercise, answer_id, check_id, points))
    return Assignment(name, tuple(items))


def _heading(cell):
    first = "".join(cell["source"]).strip().partition("\n")[0]
    return first.lstrip("# ") if cell["cell_type"] == "markdown" and first.startswith("##") else ""


def programs():
    """nbgrader calls `alembic` by name: it lies beside this Python, on the path or not."""
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = f"{beside}{os.pathsep}{os.environ.get('PATH', '')}"


def settings(folder, database=None):
    """nbgrader's settings for a course folder; the same ones an instructor's own course needs."""
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.course_id = "default_course"  # as Gradebook has it; PostgreSQL minds
    if database:
        config.CourseDirectory.db_url = database
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ClearSolutions.text_stub = STUB
    return config


def release(chapter, folder, database=None):
    """Make a chapter's student version with nbgrader.

    folder: where it goes, as NAME/NAME.ipynb.
    database: URL of the gradebook in which the assignment is entered; none if None.
    Returns the path of the notebook.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    programs()
    name = find(chapter)
    with tempfile.TemporaryDirectory() as course:
        target = Path(course, "source", name)
        target.mkdir(parents=True)
        for path in source(name).parent.iterdir():
            if path.is_file():
                shutil.copy(path, target)
        config = settings(course, database or f"sqlite:///{course}/gradebook.db")
        config.CourseDirectory.assignment_id = name
        directory = CourseDirectory(config=config)
        GenerateAssignment(coursedir=directory, config=config).start()
        made = Path(course, "release", name)
        destination = Path(folder, name)
        shutil.copytree(made, destination, dirs_exist_ok=True)
    return destination / f"{name}.ipynb"


def add_checks(folder):
    """Copy the package that answers students, `optlib_checks`, into a folder."""
    package = Path(optlib_checks.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(package, Path(folder, package.name), ignore=ignore, dirs_exist_ok=True)
