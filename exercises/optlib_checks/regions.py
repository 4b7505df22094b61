"""The regions of an exercise notebook's cells, in nbgrader's marks: solutions and hidden tests."""

STUB = "# your code here"
_SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
_HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")


def has_solution(text):
    """Whether a cell holds a solution."""
    return _SOLUTION[0] in text


def student_version(text):
    """A cell as a student gets it: the stub in place of each solution, no hidden tests.

    ValueError if a region is opened twice, closed without being open, or never closed.
    """
    lines, inside = [], None
    for line in text.splitlines():
        mark = line.strip()
        region = next((r for r in (_SOLUTION, _HIDDEN) if mark in r), None)
        if region is None:
            lines += [line] if inside is None else []
        elif mark == region[0]:
            if inside is not None:
                raise ValueError(f"{mark} inside another region")
            inside = region
            lines += [line.replace(mark, STUB)] if region is _SOLUTION else []
        elif inside is not region:
            raise ValueError(f"{mark} without its beginning")
        else:
            inside = None
    if inside is not None:
        raise ValueError(f"{inside[0]} without its end")
    return "\n".join(lines)


def solved_version(text):
    """A cell with its solution, without the marks and without hidden tests."""
    lines, hidden = [], False
    for line in text.splitlines():
        mark = line.strip()
        if mark in _HIDDEN:
            hidden = mark == _HIDDEN[0]
        elif mark not in _SOLUTION and not hidden:
            lines.append(line)
    return "\n".join(lines)
