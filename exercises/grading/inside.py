"""Stands in for `optlib_checks` inside the sandbox, so that a notebook's imports and checks run.

The references are not there; `check` answers nothing. What an exercise hands out, such as a
recorded path, arrives from the grader as arrays and is returned by a function of that name.
"""


class Later:
    """The answer of `check` while grading: the marks are decided elsewhere."""

    def __bool__(self):
        return True

    def __repr__(self):
        return "checked when graded"


def check(*answers, **options):
    """Accept anything and say nothing."""
    return Later()


def give(name, arrays):
    """Offer arrays to the notebook under a function's name: one array, or a tuple of several."""

    def given():
        copies = tuple(array.copy() for array in arrays)
        return copies if len(copies) > 1 else copies[0]

    globals()[name] = given
