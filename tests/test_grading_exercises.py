"""Every chapter's exercises through the sandbox: solved, as handed out, and with known mistakes."""

import json

import pytest
from optlib_checks import EXERCISES, check
from optlib_checks.regions import solved_version, student_version
from optlib_grading import course, marking, notebook, sandbox
from optlib_grading.samples import version
from test_exercises import solution

if not sandbox.found():
    pytest.skip("grading needs bubblewrap", allow_module_level=True)


def marks(name, change, only=None):
    """The marks of a chapter's notebook, its cells' sources changed."""
    source = json.loads(course.source(name).read_text("utf-8"))
    cells = notebook.read(json.dumps(version(source, change)).encode())
    return marking.mark(cells, course.load(name), lambda exercise: 5, only)


@pytest.mark.parametrize("name", course.names())
def test_solved_notebooks_get_full_marks(name):
    for mark in marks(name, solved_version):
        assert mark.points == mark.out_of, mark
        assert "passed" in mark.line


@pytest.mark.parametrize("name", course.names())
def test_stubs_get_none(name):
    for mark in marks(name, student_version):
        assert mark.points == 0, mark
        assert "in the cell above" in mark.line or "as it was given" in mark.line


# One of each kind: a slip in the text of the solution, and the hint that comes out of the sandbox.
SLIPS = [
    ("02_sgd", "noise_floor", "lam * variance / 2", "lam * variance"),
    ("02_sgd", "sgd_epoch", " / len(rows)", " / batch"),
    ("02_sgd", "accumulate", " or start + micro >= len(y)", ""),
    ("02_sgd", "averaged_sgd", "if t > burn", "if t >= burn"),
    ("02_sgd", "unbiased", '"f"', '"f", "g"'),
    ("03_momentum", "heavy_ball", "+ grad", "+ lr * grad"),
    ("03_momentum", "test_momentum", "np.allclose(theta, [0.5, 1.3, 0.8998])", "True"),
    ("03_momentum", "which_momentum", "(0.2 if k else 1.0)", "1.0"),
    ("04_nesterov", "restarted", "k, y = 0, new", "y = new"),
    ("04_nesterov", "capped_race", "/ 5)", "/ 60)"),
    ("05_adagrad", "train_words", "s[i] += error**2", "s += error**2"),
    ("05_adagrad", "freeze", "freeze[0] = 1000", "freeze[0] = 100"),
    ("05_adagrad", "which_adagrad", "(1 + 0.1 * k)", "1"),
    ("06_rmsprop", "centered_run", "np.sqrt(v - m**2)", "np.sqrt(v)"),
    ("06_rmsprop", "wrong_way", "np.zeros(9), -0.98 * growing", "-np.ones(19) / 19 * 0.98"),
    ("06_rmsprop", "landing", "* (1 - (t - 1) / 300)", "/ t"),
    ("08_adamw", "settle", "/ (2 * 0.1))", "/ 0.1)"),
    ("08_adamw", "adamw_run", "lr * weight_decay", "lrs[0] * weight_decay"),
    ("08_adamw", "no_decay", '"d", "e", "g"', '"d", "e"'),
    ("08_adamw", "which_decay", "- 0.02 * theta", "- lr[t - 1] * 0.02 * theta"),
    ("09_lars_lamb", "trust_ratio", "above > 0 and below > 0", "below > 0"),
    ("09_lars_lamb", "opposite", "5.0", "0.0005"),
    ("09_lars_lamb", "lars_run", "norm(g[part])", "norm(g)"),
    ("09_lars_lamb", "all_reduce", "rows[busy] @ means[busy]", "rows @ means"),
    ("10_schedules", "warmup_cosine", "lr * t / warmup", "lr * (t - 1) / warmup"),
    ("10_schedules", "test_schedule", "    assert np.isclose(schedule(1, 8.0, 0, 4), 6)\n", ""),
    ("10_schedules", "design", "0.01 * t)", "0.1 * t)"),
    ("10_schedules", "plateau", "bad > patience", "bad >= patience"),
    ("11_choosing_and_debugging", "schedule_loop", "schedule(t)", "schedule(t - 1)"),
    ("11_choosing_and_debugging", "gradient_check", "(2 * h)", "h"),
    ("11_choosing_and_debugging", "clip_global", "c, norm", "c, min(norm, limit)"),
    ("11_choosing_and_debugging", "diagnose", "1, 4, 5, 6, 7, 2", "1, 4, 5, 2, 7, 6"),
]


@pytest.mark.parametrize("chapter, exercise, old, new", SLIPS)
def test_a_slip_gets_the_same_line_in_the_sandbox(chapter, exercise, old, new):
    assert old in solution(exercise)
    (mark,) = marks(chapter, lambda text: solved_version(text.replace(old, new)), [exercise])
    names = {"__name__": "__main__"}
    exec("import numpy as np\n" + solution(exercise).replace(old, new), names)
    result = check(exercise, names[exercise], seed=5)
    assert mark.line == result.line and not result
    assert mark.points == round(mark.out_of * result.score, 2)
    assert exercise in EXERCISES
