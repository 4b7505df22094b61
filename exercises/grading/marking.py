"""Marks for one notebook: the judge of `optlib_checks`, asking a sandbox.

The cells run in their order. An exercise is judged where its check cell stands, with the names as
they are there; without that cell, at the end. If a cell or an answer ends the sandbox, a new one
repeats the cells that ran well, so that one endless loop costs one exercise.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass

import numpy as np
import optlib_checks
from optlib_checks.answers import FOREIGN, NUMPY_ONLY, clean
from optlib_checks.judge import Refused, judge, not_yet
from optlib_grading.sandbox import Sandbox, Stopped

CELL_SECONDS = 5.0
CASE_SECONDS = 5.0
EXERCISE_SECONDS = 10.0
NOTEBOOK_SECONDS = 60.0
MOST_CALLS = 20_000  # of the grader's functions, by one exercise
LARGEST_ARGUMENT = 10_000  # numbers in an argument of the grader's functions
TOO_LONG = "the notebook took more than {:g} s in all."


@dataclass(frozen=True)
class Mark:
    """What one exercise earned: points out of a maximum, and the line that says why."""

    exercise: str
    points: float
    out_of: float
    line: str


def seed(secret, student, exercise):
    """The seed of a student's random cases: the same every time, and of no use to anybody else."""
    digest = hmac.new(secret, f"{student}/{exercise}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big")


def mark(cells, assignment, seeds, only=None):
    """Mark a notebook.

    cells: from `notebook.read`.
    assignment: a `course.Assignment`.
    seeds: ``seeds(exercise) -> int``.
    only: the names of the exercises to judge; all of them if None.
    Returns a list of `Mark`, in the assignment's order. Never raises on account of the cells.
    """
    wanted = [item for item in assignment.items if only is None or item.exercise in only]
    with Notebook() as notebook:
        found = {}
        for step in steps(cells, wanted, assignment):
            if isinstance(step, str):
                found[step] = notebook.judge(optlib_checks.EXERCISES[step], seeds(step))
            else:
                notebook.run(step)
    return [
        Mark(
            exercise=item.exercise,
            points=round(item.points * min(max(found[item.exercise].score, 0), 1), 2),
            out_of=item.points,
            line=found[item.exercise].line,
        )
        for item in wanted
    ]


def steps(cells, wanted, assignment):
    """Cells to run and names of exercises to judge, in the order of the notebook."""
    exercises = {item.check_id: item.exercise for item in wanted}
    check_ids = {item.check_id for item in assignment.items}
    last = {cell.grade_id: cell.number for cell in cells if cell.grade_id in exercises}
    plan = []
    for cell in cells:
        if last.get(cell.grade_id) == cell.number:
            plan.append(exercises[cell.grade_id])
        elif cell.grade_id not in check_ids and not cell.is_check:
            plan.append(cell)
    return plan + [item.exercise for item in wanted if item.exercise not in plan]


class Notebook:
    """A notebook while it is marked: a sandbox, and what it takes to make the next one."""

    def __init__(self):
        self.end = time.monotonic() + NOTEBOOK_SECONDS
        self.sandbox = None
        self.ran = []
        self.failures = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        if self.sandbox:
            self.sandbox.close()
        self.sandbox = None

    def run(self, cell):
        """Run a cell; what goes wrong is remembered and costs nothing by itself."""
        if not cell.source.strip() or time.monotonic() > self.end:
            return
        try:
            self._run(self._alive(), cell)
        except Stopped as why:
            self.failures.append(f"in cell {cell.number}, {why}")
            self.stop()
        else:
            self.ran.append(cell)

    def judge(self, exercise, seed):
        """The judge's `Result` for one exercise."""
        deadline = min(time.monotonic() + EXERCISE_SECONDS, self.end)
        if time.monotonic() > self.end:
            return not_yet(exercise, TOO_LONG.format(NOTEBOOK_SECONDS))
        try:
            call = self._open(exercise, deadline)
            return judge(exercise, call, seed)
        except Refused as why:
            return not_yet(exercise, str(why))
        except Stopped as why:
            self.stop()
            return not_yet(exercise, str(why))
        except Exception as error:
            # An answer on which the judge itself fails is not right, and others go on.
            self.stop()
            return not_yet(exercise, f"the answer could not be judged ({type(error).__name__}).")

    def _alive(self):
        """A sandbox in which all cells that ran well so far have run."""
        while self.sandbox is None:
            left = self.end - time.monotonic()
            if left <= 0:
                raise Stopped(TOO_LONG.format(NOTEBOOK_SECONDS))
            self.sandbox = Sandbox(seconds=left)
            self._hand_out()
            for cell in self.ran:
                try:
                    self._run(self.sandbox, cell, quietly=True)
                except Stopped:
                    self.ran.remove(cell)
                    self.stop()
                    break
        return self.sandbox

    def _run(self, sandbox, cell, quietly=False):
        request = ["run", f"cell {cell.number}", cell.source]
        said = sandbox.ask(request, time.monotonic() + CELL_SECONDS)
        if said[0] == "failed" and not quietly:
            self.failures.append(f"cell {cell.number} stops with {clean(str(said[1:]), 200)}")

    def _hand_out(self):
        """What the exercises' package offers beside `check`, as arrays."""
        for name in optlib_checks.__all__:
            if name not in ("check", "EXERCISES"):
                arrays = getattr(optlib_checks, name)()
                arrays = arrays if isinstance(arrays, tuple) else (arrays,)
                self.sandbox.ask(["given", name, *arrays])

    def _open(self, exercise, deadline):
        """Put an exercise before the sandbox. Returns the ``call(case)`` that the judge wants."""
        about = [exercise.name, exercise.reads, " ".join(exercise.returns)]
        said = self._alive().ask(["exercise", *about, " ".join(exercise.options)], deadline)
        if said[0] == "missing":
            raise Refused(self._why_missing(exercise.name))
        _expect(said, "ready")
        counter = Functions(exercise)

        def call(case):
            end = min(time.monotonic() + CASE_SECONDS, deadline)
            if self.sandbox is None:
                raise Refused("your code was stopped.")
            try:
                return self._case(exercise, case, counter, end)
            except Stopped as why:
                self.stop()
                raise Refused(str(why)) from None

        return call

    def _case(self, exercise, case, functions, deadline):
        values = [part for pair in case.items() for part in pair]
        said = self.sandbox.ask(["case", *values], deadline)
        while said[0] == "call":
            said = self.sandbox.ask(functions.answer(case, said[1:]), deadline)
        _expect(said, "answer")
        arrays = tuple(said[1:])
        if not all(fits(exercise, array) for array in arrays):
            raise Refused("the answer did not arrive as plain numbers.")
        return arrays

    def _why_missing(self, name):
        text = " ".join(self.failures)
        library = next((lib for lib in sorted(FOREIGN) if f"'{lib}'" in text), None)
        if library:
            return NUMPY_ONLY.format(library)
        because = f": {self.failures[-1]}" if self.failures else "."
        return f"there is no {name} in your notebook{because}"


class Functions:
    """Calls, from inside the sandbox, the functions of a case, which stay here."""

    def __init__(self, exercise):
        self.exercise = exercise
        self.left = MOST_CALLS

    def answer(self, case, request):
        """The frame that answers a call. Raises `Refused` for too many calls, `Stopped` for
        what is none."""
        self.left -= 1
        if self.left < 0:
            raise Refused(
                f"your code calls the functions it is given more than {MOST_CALLS} times."
            )
        function, args, kwargs = read_call(case, request)
        try:
            check_sizes([*args, *kwargs.values()])
            with np.errstate(all="ignore"):
                value = function(*args, **kwargs)
        except Exception as error:
            return ["raise", clean(f"{type(error).__name__}: {error}", 300)]
        return ["several", *value] if isinstance(value, tuple) else ["one", value]


def read_call(case, request):
    """(function, args, kwargs) of a call that a sandbox asks for. Raises `Stopped` if it is none.

    request: the argument's name, how many values go by position, those, then names and values.
    Every number becomes a float: with whole ones, 7**10**12 would keep the grader busy for ever.
    """
    try:
        name, count, *values = request
        function = case[name]
        rest = values[count:]
        args = [_as_float(value) for value in values[:count]]
        kwargs = {key: _as_float(value) for key, value in zip(rest[::2], rest[1::2], strict=True)}
        proper = callable(function) and len(args) == count and all(map(_is_text, kwargs))
    except (ValueError, TypeError, KeyError):
        proper = False
    if not proper:
        raise Stopped("what your code sent back is not an answer.")
    return function, args, kwargs


def check_sizes(arguments):
    """Raise `ValueError` for arrays that are large, or would become so when combined."""
    arrays = [value for value in arguments if isinstance(value, np.ndarray) and value.size != 1]
    if any(array.size > LARGEST_ARGUMENT for array in arrays):
        raise ValueError(f"an array of more than {LARGEST_ARGUMENT} numbers")
    if len({array.shape for array in arrays}) > 1:
        raise ValueError("arrays of different shapes")


def fits(exercise, array):
    """Whether a value from the sandbox is an array of a shape that the exercise can have."""
    if not hasattr(array, "shape"):
        return False
    shapes = {"numbers": (), "tests": (), "choice": (len(exercise.options),)}
    return exercise.reads not in shapes or array.shape == shapes[exercise.reads]


def _as_float(value):
    return value if isinstance(value, np.ndarray) else float(value)


def _is_text(value):
    return isinstance(value, str)


def _expect(said, kind):
    """Raise `Refused` with the sandbox's reason, or `Stopped`, unless it said what was due."""
    if said[0] == "refused":
        raise Refused(clean(str(said[1]) if len(said) > 1 else "no reason given", 300))
    if said[0] != kind:
        raise Stopped("what your code sent back is not an answer.")
