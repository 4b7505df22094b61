"""The exercises: notebooks as solution and as stub, the judge, and every known mistake."""

import ast
import json
import linecache
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from optlib_checks import (
    EXERCISES,
    ch01,
    ch02,
    ch03,
    ch04,
    ch05,
    ch06,
    ch07,
    ch08,
    ch09,
    ch10,
    ch11,
    check,
    recorded_path,
)
from optlib_checks.answers import caller, clean
from optlib_checks.judge import Refused, judge
from optlib_checks.regions import STUB, solved_version, student_version

ROOT = Path(__file__).parents[1] / "exercises"
FOLDERS = {
    "01_gradient_descent": ch01,
    "02_sgd": ch02,
    "03_momentum": ch03,
    "04_nesterov": ch04,
    "05_adagrad": ch05,
    "06_rmsprop": ch06,
    "07_adam": ch07,
    "08_adamw": ch08,
    "09_lars_lamb": ch09,
    "10_schedules": ch10,
    "11_choosing_and_debugging": ch11,
}
# the stubs of these hold a broken function, not an empty one
REPAIRS = {"train", "accumulate", "restarted", "train_words", "centered_run", "adamw_run"}
REPAIRS |= {"lars_run", "plateau"}
REPAIRS |= {"reset_loop", "state_loop", "decay_loop", "clip_loop", "schedule_loop"}


# ---------------------------------------------------------------- the notebooks


def cells(folder):
    return json.loads((ROOT / folder / f"{folder}.ipynb").read_text())["cells"]


def source(cell):
    return "".join(cell["source"])


def graded(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade", False)


def run(folder, edit=lambda text: text):
    """Run a notebook's code in this process: its names, and what each check cell showed."""
    names, shown = {"__name__": "__main__"}, {}
    for cell in cells(folder):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse(edit(source(cell)))
        last = ast.Expression(tree.body.pop().value) if graded(cell) else None
        exec(compile(tree, "<cell>", "exec"), names)
        if last:
            result = eval(compile(last, "<cell>", "eval"), names)
            shown[result.name] = result
    return names, shown


def solution(name):
    """The names that the notebook's solution cell of one exercise defines."""
    folder = next(f for f, chapter in FOLDERS.items() if EXERCISES[name] in chapter.EXERCISES)
    slug = name.replace("_", "-")
    return next(
        source(cell)
        for cell in cells(folder)
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == slug
    )


def answer(name, old="", new=""):
    """The notebook's own solution, after one textual slip."""
    text = solution(name)
    assert old in text
    names = {"np": np, "__name__": "__main__"}
    exec(text.replace(old, new), names)
    return names[name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_solutions_pass_and_show_what_the_notebook_keeps(folder):
    _, shown = run(folder)
    assert list(shown) == [exercise.name for exercise in FOLDERS[folder].EXERCISES]
    assert all(result.passed and result.score == 1 for result in shown.values())
    kept = [
        "".join(cell["outputs"][0]["data"]["text/plain"]) for cell in cells(folder) if graded(cell)
    ]
    assert kept == [repr(result) for result in shown.values()]


@pytest.mark.parametrize("folder", FOLDERS)
def test_stubs_run_and_fail(folder):
    names, shown = run(folder, student_version)
    assert list(shown) == [exercise.name for exercise in FOLDERS[folder].EXERCISES]
    for name, result in shown.items():
        assert not result.passed and result.score == 0, name
        expected = "as it was given" if name in REPAIRS else "in the cell above"
        assert expected in result.line, result
        assert name in names


@pytest.mark.parametrize("folder", FOLDERS)
def test_student_version_holds_no_solution(folder):
    for cell in cells(folder):
        if cell["cell_type"] != "code":
            continue
        whole = source(cell)
        stub = student_version(whole)
        assert "SOLUTION" not in stub and "HIDDEN" not in stub and "assert" not in stub
        if "### BEGIN SOLUTION" in whole:
            hidden = whole.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]
            own = [x for x in hidden.splitlines() if x.strip() and x not in stub.splitlines()]
            assert own and STUB in stub


@pytest.mark.parametrize("folder", FOLDERS)
def test_solved_version_runs_without_marks(folder):
    _, shown = run(folder, lambda text: solved_version(text))
    assert all(result.passed for result in shown.values())
    assert all("###" not in solved_version(source(cell)) for cell in cells(folder))


@pytest.mark.parametrize(
    "text, message",
    [
        ("### BEGIN SOLUTION\nx = 1", "without its end"),
        ("### END SOLUTION", "without its beginning"),
        ("### BEGIN SOLUTION\n### BEGIN HIDDEN TESTS", "inside another"),
        ("### BEGIN SOLUTION\n### END HIDDEN TESTS", "without its beginning"),
    ],
)
def test_broken_regions_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        student_version(text)


def test_practice_notebooks_hold_no_solution_and_are_never_overwritten(tmp_path):
    script = [sys.executable, str(ROOT.parent / "tools/practice.py"), str(tmp_path)]
    subprocess.run(script, check=True, capture_output=True)
    for folder in FOLDERS:
        path = tmp_path / f"{folder}.ipynb"
        assert "SOLUTION" not in path.read_text() and STUB in path.read_text()
        path.write_text("mine")
    done = subprocess.run(script, check=True, capture_output=True)
    assert done.stdout == b""
    assert all((tmp_path / f"{folder}.ipynb").read_text() == "mine" for folder in FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_nbgrader_metadata(folder):
    found = [c for c in cells(folder) if "nbgrader" in c["metadata"]]
    keys = {"schema_version", "grade_id", "grade", "solution", "locked", "task"}
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in found]
    assert len(set(ids)) == len(ids)
    for answered, checked in zip(found[::2], found[1::2], strict=True):
        a, c = answered["metadata"]["nbgrader"], checked["metadata"]["nbgrader"]
        assert set(a) == keys and set(c) == keys | {"points"}
        assert a["schema_version"] == c["schema_version"] == 3
        assert (a["solution"], a["grade"], a["locked"]) == (True, False, False)
        assert (c["solution"], c["grade"], c["locked"]) == (False, True, True)
        assert c["points"] > 0 and c["grade_id"] == a["grade_id"] + "-check"
        assert "nbval-check-output" in checked["metadata"]["tags"]
        hidden, shown = source(checked).split("### END HIDDEN TESTS\n")
        assert hidden == f"### BEGIN HIDDEN TESTS\nassert {shown}\n"
    names = [exercise.name.replace("_", "-") for exercise in FOLDERS[folder].EXERCISES]
    assert ids[::2] == names


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_statement_has_a_hint_and_says_what_is_checked(folder):
    statements = [source(c) for c in cells(folder) if c["cell_type"] == "markdown"][1:]
    assert len(statements) == len(FOLDERS[folder].EXERCISES)
    for number, text in enumerate(statements, 1):
        assert text.startswith(f"## {int(folder[:2])}.{number} ")
        assert "*The check* " in text and "<summary>Hint</summary>" in text


COUNTS = {5: "Five", 6: "Six", 7: "Seven", 8: "Eight"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_statements_say_how_many_exercises_and_cases_there_are(folder):
    texts = {c["id"].replace("-", "_"): source(c) for c in cells(folder)}
    exercises = FOLDERS[folder].EXERCISES
    assert f"\n{COUNTS[len(exercises)]} exercises" in texts["intro"]
    for exercise in exercises:
        if exercise.reads == "function":
            count = len(list(exercise.cases(np.random.default_rng(0))))
            said = texts[exercise.name].partition("*The check*")[2].partition("<details>")[0]
            assert f" {count} " in said or f" {COUNTS.get(count, '').lower()} " in said


# ------------------------------------------------------------ the known mistakes


def as_answer(exercise, change):
    """What a learner with this mistake would hand in."""
    if exercise.reads == "numbers":
        values = tuple(float(value) for value in exercise.reference(**change))
        return values if len(values) > 1 else values[0]
    if exercise.reads == "choice":
        return {o for o, chosen in zip(exercise.options, exercise.reference(**change)[0]) if chosen}

    def function(*arguments):
        values = exercise.reference(*arguments, **change)
        return values if len(values) > 1 else values[0]

    return function


COMPARED = [e for e in EXERCISES.values() if e.verdict is None]
MISTAKES = [
    pytest.param(e, m, id=f"{e.name}-{'-'.join(m.change)}-{k}")
    for e in COMPARED
    for k, m in enumerate(e.mistakes)
]


@pytest.mark.parametrize("exercise, mistake", MISTAKES)
def test_every_mistake_gets_its_own_hint(exercise, mistake):
    for seed in range(6):
        result = check(exercise.name, as_answer(exercise, mistake.change), seed=seed)
        assert result.line == f"not yet: {mistake.hint}"
        assert not result


@pytest.mark.parametrize("exercise", COMPARED, ids=lambda e: e.name)
def test_hints_are_many_and_distinct(exercise):
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len(hints) >= 3 and len(set(hints)) == len(hints)
    assert all(hint.endswith((".", "?", ")")) and "\n" not in hint for hint in hints)
    assert all(len(hint) < 200 for hint in hints)


# Slips made in the text of the notebook's own solution: no use is made of the reference's
# variants, and the hint is recognised by a few words.
SLIPS = [
    ("step_sizes", "2 / 4 ", "1 / 4 ", "1/L is where the steep"),
    ("step_sizes", "(0.2 + 4)", "(0.1 + 2)", "the curvatures are twice that"),
    ("steps_to_millionth", "rho**2", "rho", "by ρ² a step"),
    ("steps_to_millionth", "np.log(1e-6)", "np.log10(1e-6)", "two kinds of logarithm"),
    ("steps_to_millionth", "(400 - 1) / (400 + 1)", "99 / 101", "that is κ = 100"),
    ("step_sizes", "2 / 4 ", "2 / 0.4 ", "doubles its curvature"),
    ("steps_to_millionth", "(400 - 1) / (400 + 1)", "1 - 1 / 400", "belongs to η = 1/L"),
    ("gradient_descent", "np.array(path, dtype=float)", "path[-1]", "last point only"),
    ("gradient_descent", "[x0]", "[x0 - lr * grad(x0)]", "x0 is missing"),
    ("gradient_descent", "np.array(path, dtype=float)", "np.array(path[1:])", "x0 is missing"),
    ("gradient_descent", "range(steps)", "range(steps - 1)", "the last step is missing"),
    ("gradient_descent", "grad(path[-1])", "grad(x0)", "at x0 every time"),
    ("gradient_descent", "] - lr", "] + lr", "uphill"),
    ("converging", '"a", "d", "e"', '"a", "b", "d", "e"', "hopping across 0"),
    ("converging", '"a", "d", "e"', '"a", "b", "c", "d"', "Two more slips"),
    ("converging", '"a", "d", "e"', '"a", "e"', "Slow is not stuck"),
    ("numerical_gradient", "(f(x + e) - f(x - e)) / (2 * h)", "(f(x + e) - f(x)) / h", "forward"),
    ("numerical_gradient", "/ (2 * h)", "/ h", "twice too large"),
    ("numerical_gradient", "/ (2 * h)", "/ 2 * h", "gradient differs"),
    ("numerical_gradient", "e[i] = h", "e[:] = h", "all coordinates at once"),
    ("train", "    w = w - lr", "    gradient *= 2\n        w = w - lr", "twice too long"),
    ("train", " / len(y)", "", "the number of rows"),
    ("train", "np.exp(-X", "np.exp(X", "upside down"),
    ("train", "return w, losses", "return losses, w", "should have"),
    ("noise_floor", "(1 - (1 - eta * lam) ** 2)", "(2 * eta * lam)", "the limit of small steps"),
    ("noise_floor", "lam * variance / 2", "lam * variance", "the half is missing"),
    ("noise_floor", "4**2", "4", "quarter the variance"),
    ("noise_floor", "sigma**2 ", "sigma ", "with its variance"),
    ("sgd_epoch", "range(0, len(y), batch)", "range(0, len(y) - batch + 1, batch)",
     "short batch at the end is left out"),
    ("sgd_epoch", " / len(rows)", " / batch", "the number of rows that are there"),
    ("sgd_epoch", " / len(rows)", "", "a mean is a mean"),
    ("sgd_epoch", "- y[rows]", "- y[start : start + batch]", "y is not"),
    ("sgd_epoch", "order[start : start + batch]", "np.arange(len(y))[start : start + batch]",
     "as they lie"),
    ("sgd_epoch", "w = w - lr", "w -= lr", "changes its argument w in place"),
    ("accumulate", "gradient, count = np.zeros(X.shape[1]), 0\n    return",
     "count = 0\n    return", "empty the sum"),
    ("accumulate", " or start + micro >= len(y)", "", "never used"),
    ("accumulate", "gradient / count", "gradient / (micro * every)", "like a full one"),
    ("accumulate", "count += len(y[rows])", "count += micro", "w differs"),
    ("accumulate", "gradient / count", "gradient", "the step is a sum"),
    ("one_over_t", "best = 1 / lam", "best = 1 / (2 * lam)", "pole"),
    ("one_over_t", "threshold = 1 / (2 * lam)", "threshold = 1 / lam", "half of that"),
    ("one_over_t", "2 * 1 * lam", "1 * lam", "with its square"),
    ("averaged_sgd", "if t > burn", "if t >= burn", "one point too many"),
    ("averaged_sgd", "if t > burn", "if t > 0", "the burn-in is averaged too"),
    ("averaged_sgd", "range(1, steps + 1)", "range(steps)", "one point too few"),
    ("averaged_sgd", "grad(w, t)", "grad(w, t - 1)", "your first is 0"),
    ("averaged_sgd", "grad(w, t)", "grad(w0, t)", "at w0 every time"),
    ("averaged_sgd", "return w, np.mean(kept, axis=0)", "return np.mean(kept, axis=0), w",
     "the last w first"),
    ("unbiased", '"a", "b", "c", "f"', '"a", "c", "f"', "distinct rows depend"),
    ("unbiased", '"a", "b", "c", "f"', '"a", "b", "c", "d", "f"', "is used up"),
    ("unbiased", '"a", "b", "c", "f"', '"a", "b", "c", "f", "g"', "32/5 times"),
    ("best_momentum", "(2 / (low + high)) ** 2", "2 / (4 + 100)", "without momentum"),
    ("best_momentum", "beta = rate**2", "beta = rate", "that is √β"),
    ("best_momentum", "np.sqrt(4), np.sqrt(100)", "4, 100", "the root of the condition number"),
    ("steady", "1 / (1 + 0.9)", "0", "they do not cancel"),
    ("steady", "1 / (1 - 0.9)  #", "1  #", "an average would leave"),
    ("steady", "0.05 / (1 - 0.9)", "0.05 * (1 - 0.9)", "the wrong way"),
    ("heavy_ball", "u = beta * u + grad(path[-1])\n        path.append(path[-1] - lr * u)",
     "u = beta * u + lr * grad(path[-1])\n        path.append(path[-1] - u)", "other convention"),
    ("heavy_ball", "+ grad(path[-1])", "+ (1 - beta) * grad(path[-1])", "the averaged form"),
    ("heavy_ball", "grad(path[-1])", "grad(x0)", "at x0 every time"),
    ("heavy_ball", "grad(path[-1])", "grad(path[-1] - lr * beta * u)", "path differs"),
    ("heavy_ball", "[x0], 0", "[x0], x0", "path differs"),
    ("helps", '"e", "f"', '"d", "e", "f"', "no reason for momentum"),
    ("helps", '"e", "f"', '"e"', "stable up to 2 + 2β"),
    ("test_momentum", "np.allclose(theta, [0.5, 1.3, 0.8998])", "True", "which u the step uses"),
    ("which_momentum", " if k else 1.0) *", ") *", "from the first step on"),
    ("which_momentum", "(0.2 if k else 1.0) *", "1.0 *", "that is the sum"),
    ("nesterov_limit", "forgets_lr = 1 / lam", "forgets_lr = 0.2 / lam", "β drops out"),
    ("nesterov_limit", "/ (1 + 2 * momentum) / lam", "/ lam", "that is the heavy ball's"),
    ("nesterov_limit", "/ lam", "", "limits of ηλ"),
    ("nesterov", "(g + beta * u)", "u", "that is the heavy ball"),
    ("nesterov", "(g + beta * u)", "(u + beta * u)", "g counts 1 + β times"),
    ("nesterov", "(g + beta * u)", "(g + beta * (u - g) / beta)", "that is the heavy ball"),
    ("nesterov", "beta * u + g\n", "beta * u + (1 - beta) * g\n", "with weight 1 here"),
    ("nesterov", "theta - lr", "theta + lr", "uphill"),
    ("uncover", "+ lr * beta * u", "- lr * beta * u", "the wrong way"),
    ("uncover", "+ lr * beta * u", "+ lr * u", "not ηu"),
    ("uncover", "+ lr * beta * u", "+ beta * u", "η is missing"),
    ("uncover", " / (1 + beta)", "", "divide by 1 + β"),
    ("uncover", "((before - after) / lr + beta * u)", "((before - after) / lr)", "the old u is"),
    ("uncover", "np.array(points)", "path", "what is stored"),
    ("restarted", "g = grad(y)", "g = grad(x)", "at y, the point ahead"),
    ("restarted", "(new - x)) > 0", "(y - x)) > 0", "the step that was taken"),
    ("restarted", "(new - x)) > 0", "(new - x)) < 0", "it is gradient descent"),
    ("restarted", "k, y = 0, new", "y = new", "k is not"),
    ("restarted", "new = y - lr", "new = x - lr", "starts at y"),
    ("capped_race", "/ 5)", "/ 2)", "after step 5 a bowl holds"),
    ("capped_race", "/ 5)", "/ 0.1)", "disqualified"),
    ("capped_race", "/ 5)", "/ 60)", "As fast as the tuned heavy ball"),
    ("constant_slope", "0.1 * 3 / np", "0.1 / np", "stands above it"),
    ("constant_slope", "np.sqrt(3**2 * ", "np.sqrt(", "g cancels"),
    ("constant_slope", "np.sum(lengths[:400])", "0.2 * np.sqrt(400)", "the integral"),
    ("constant_slope", "1 + np.argmax(np.cumsum(lengths) >= 2)", "100", "2√t = 20"),
    ("adagrad", "np.sqrt(s) + eps", "np.sqrt(s + eps)", "inside the root"),
    ("adagrad", "g**2", "abs(g)", "adds up |g|"),
    ("adagrad", "g**2", "np.sum(g**2)", "one sum for all"),
    ("adagrad", "np.sqrt(s)", "s", "divide by its root"),
    ("adagrad", "s = s + g", "s += g", "changes its argument s in place"),
    ("adagrad", "(np.sqrt(s) + eps)", "np.sqrt(s) + eps", "a parenthesis"),
    ("dies", '"e"}', '"e", "f"}', "its own success"),
    ("dies", '{"a", "b", "e"}', '{"a", "b"}', "like log t"),
    ("train_words", "s[i] += error**2", "s += error**2", "Give every word its own"),
    ("train_words", "s[i] += error**2", "s[i] += abs(error)", "its square"),
    ("train_words", "np.sqrt(s[i]) + eps", "np.sqrt(s[i] - error**2) + eps", "ε alone"),
    ("freeze", "freeze[0]", "freeze[500]", "too late"),
    ("freeze", "freeze[0] = 1000", "freeze[0] = 100", "Can it be larger"),
    ("freeze", "freeze[0] = 1000", "freeze[0] = 1", "added up"),
    ("freeze", "np.ones(1000)", "2 * np.ones(1000)", "how small may the others be"),
    ("freeze", "freeze[0] = 1000", "freeze = np.linspace(1, 1000, 1000)", "Turn it round"),
    ("which_adagrad", "np.sqrt(s + 0.01)", "(np.sqrt(s) + 0.01)", "ε sits elsewhere"),
    ("which_adagrad", "(1 + 0.1 * k)", "1", "still the recorded steps get shorter"),
    ("which_adagrad", "np.zeros(len(g)), 0.0", "np.zeros(len(g)), 0.1", "starts at 0.1"),
    ("forgetting", "np.log(0.5) / np.log(0.99)", "1 / (1 - 0.99)", "fallen to 1/e"),
    ("forgetting", "0.99 / (1 - 0.99)", "1 / (1 - 0.99)", "has age 0"),
    ("forgetting", "1 / np.sqrt(1 - 0.99)", "1", "it would be 1 if"),
    ("rmsprop", "(1 - beta) * g**2", "g**2", "with weight 1"),
    ("rmsprop", "beta * v + (1 - beta) * g**2", "v + g**2", "which is AdaGrad"),
    ("rmsprop", "np.sqrt(v) + eps", "np.sqrt(v + eps)", "inside the root"),
    ("rmsprop", "np.sqrt(v)", "v", "divide by its root"),
    ("rmsprop", "theta - lr", "theta + lr", "uphill"),
    ("rmsprop", "return theta - lr * g /", "theta -= lr * g / 1\n    return theta - lr * g /",
     "changes its argument theta in place"),
    ("cycle", "0.4 / 2  #", "0.4  #", "half as far from 0"),
    ("cycle", "0.4 / 2  #", "0.0  #", "does not come to rest"),
    ("cycle", "100 * steep**2) / 2", "100 * steep**2)", "the half of"),
    ("centered_run", "np.sqrt(v - m**2)", "np.sqrt(v)", "that is plain RMSProp"),
    ("centered_run", "np.sqrt(v - m**2)", "np.sqrt(v + m**2)", "m² is added"),
    ("centered_run", "np.sqrt(v - m**2)", "np.sqrt(v - m)", "not its square"),
    ("centered_run", "lr * g / (np.sqrt(v - ", "lr * m / (np.sqrt(v - ", "you move along m"),
    ("wrong_way", "np.zeros(9)", "np.zeros(10)", "2 to 20"),
    ("wrong_way", "np.zeros(9), -0.98 * growing", "-np.ones(19) / 19 * 0.98", "One spike against"),
    ("wrong_way", "-0.98", "-1.0", "0.000 of their sizes"),
    ("wrong_way", "-0.98", "0.98", "All gradients say down"),
    ("landing", " * (1 - (t - 1) / 300)", "", "A constant step"),
    ("landing", "* (1 - (t - 1) / 300)", "/ t", "It has not arrived"),
    ("landing", "* (1 - (t - 1) / 300)", "/ t * 25", "hops across 0"),
    ("bias_after_100", "0.999**100", "0.999**1000", "reached after 1000 steps"),
    ("bias_after_100", "2**2", "2", "v averages the squares"),
    ("adam", "m_hat / (np.sqrt(v_hat)", "m / (np.sqrt(v)", "bias correction is missing"),
    ("adam", "np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)", "inside the root"),
    ("adam", "np.sqrt(v_hat)", "np.sqrt(v)", "divide v by"),
    ("adam", "* m_hat", "* m", "divide m by"),
    ("adam", "**t)", "**(t + 1))", "t + 1"),
    ("adam", "**t)", "**(t - 1))", "t − 1"),
    ("adam", "g**2", "abs(g)", "averages |g|"),
    ("adam", "(1 - beta1) * g", "g", "with weight 1"),
    ("adam", ", m, v\n", ", m_hat, v_hat\n", "return m and v as they are"),
    ("adam", "theta - lr", "theta + lr", "uphill"),
    ("adam", "(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat) + eps", "a parenthesis is missing"),
    ("adam", "m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
     "m / (1 - beta2**t)\n    v_hat = v / (1 - beta1**t)", "each other's β"),
    ("adam", "beta2**t", "beta1**t", "theta differs from the reference, m and v are right"),
    ("step_ratios", "(1 - beta1**t) / np.sqrt(1 - beta2**t)",
     "np.sqrt(1 - beta2**t) / (1 - beta1**t)", "upside down"),
    ("bias_after_100", "1 - 0.999**100", "0.63", "after 1000 steps, not after 100"),
    ("step_ratios", "np.sqrt(1 - beta2**t)", "(1 - beta2**t)", "root is missing"),
    ("step_ratios", "ratio(12, 0", "ratio(1, 0", "exponents are 12"),
    ("make_adam_jump", "silence, growing]", "silence, [1.0]]", "the paper's case"),
    ("make_adam_jump", "1.11", "2.0", "slower growth"),
    ("make_adam_jump", "2940", "0", "Let silence come first"),
    ("test_adam", "0.3, 0.5, 0.75, 1.0)", "0.2, 0.5, 0.75, 0.0)", "the place of ε"),
    ("which_optimizer", "np.sqrt(v + 0.01)", "(np.sqrt(v) + 0.01)", "ε sits elsewhere"),
    ("which_optimizer", "m + lr", "m + 0.1 * lr", "too short by one and the same factor"),
    ("lambda_elsewhere", "paper / alpha", "paper", "multiplies its own by α"),
    ("lambda_elsewhere", "3 * alpha * torch", "paper", "α has tripled while"),
    ("lambda_elsewhere", "torch / 2", "torch", "no half in this loss"),
    ("lambda_elsewhere", "np.log(0.5)", "np.log10(0.5)", "two kinds of logarithm"),
    ("lambda_elsewhere", "np.log(0.5)", "-1", "fallen to 1/e"),
    ("adamw", "    m = ", "    g = g + weight_decay * theta\n    m = ", "acts twice"),
    ("adamw", " + weight_decay * theta), m", ") - weight_decay * theta, m", "paper's own form"),
    ("adamw", "return theta - lr * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * theta), m, v",
     "theta = theta - lr * m_hat / (np.sqrt(v_hat) + eps)\n"
     "    return theta - lr * weight_decay * theta, m, v", "that has already moved"),
    ("adamw", "+ weight_decay * theta)", "- weight_decay * theta)", "the decay is added"),
    ("adamw", "(m_hat / (np.sqrt(v_hat) + eps) + weight_decay * theta)",
     "(m_hat + weight_decay * theta) / (np.sqrt(v_hat) + eps)", "with the rest"),
    ("adamw", "weight_decay * theta)", "weight_decay * np.sign(theta))", "λ·sign(θ)"),
    ("adamw", "m_hat /", "m /", "theta differs"),
    ("settle", "/ (2 * 0.1))", "/ 0.1)", "by about 1 − 2ηλ"),
    ("settle", "0.002 * np.sqrt(2000) / norm", "0.002 / norm", "how far one weight moves"),
    ("settle", "0.01 * 2 / np.sqrt(2000)", "0.02", "each of the 2,000"),
    ("settle", "2 * 2**2", "2 * 2", "enters with its square"),
    ("adamw_run", "lr * weight_decay", "lrs[0] * weight_decay", "keeps the first step size"),
    ("adamw_run", "* m + (1 - beta1) * g\n        v = beta2 * v + (1 - beta2) * g**2",
     "* m + (1 - beta1) * g\n        v = beta2 * v + (1 - beta2) * (g + weight_decay * theta)**2",
     "leaks into v"),
    ("adamw_run", "- lr * weight_decay * theta", "- weight_decay * theta", "at all"),
    ("adamw_run", "- lr * weight_decay * theta", "", "gone altogether"),
    ("no_decay", '"d", "e", "g"', '"d", "e"', "temperature 1"),
    ("no_decay", '{"b", "d"', '{"b", "c", "d"', "sets its relative step"),
    ("no_decay", '"b", "d", "e", "g"', '"a", "c", "f"', "6 more slips"),
    ("which_decay", "- 0.02 * theta", "- lr[t - 1] * 0.02 * theta", "By what share"),
    ("which_decay", "- 0.02 * theta", "- lr[t - 1] / lr[0] * 0.02 * theta", "along a schedule"),
    ("which_decay", "m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)",
     "m / (np.sqrt(v) + 1e-8)", "after ten zeros"),
    ("trust_ratio", " if above > 0 and below > 0 else 1.0", "", "0 or infinite"),
    ("trust_ratio", "above > 0 and below > 0", "below > 0", "never moves"),
    ("trust_ratio", "trust * (above / below if above > 0 and below > 0 else 1.0)",
     "trust * above / below if above > 0 and below > 0 else 1.0", "leave trust out"),
    ("trust_ratio", "np.linalg.norm(g) + weight_decay * above",
     "np.linalg.norm(g + weight_decay * theta)", "two norms"),
    ("trust_ratio", " + weight_decay * above", "", "the decay is missing below"),
    ("trust_ratio", "norm(g)", "norm(g, 2)", "ratio differs"),
    ("lamb", "np.linalg.norm(r)", "np.linalg.norm(g)", "as LARS does"),
    ("lamb", "lr * ratio", "lr", "that is AdamW"),
    ("lamb", "np.linalg.norm(r)", "np.linalg.norm(r - weight_decay * theta)", "Adam's part alone"),
    ("lamb", " + weight_decay * theta", "", "missing from r"),
    ("lamb", " + weight_decay * theta", "\n    theta = theta - lr * weight_decay * theta",
     "shrink θ first"),
    ("lamb", "below > 0 else 1.0", "below > 0 else 0.0", "never moves in yours"),
    ("lamb", "above / below if", "min(above / below, 1) if", "clip the quotient"),
    ("opposite", "0.001", "1000.0", "cosine 1.000"),
    ("opposite", "[0.001, -0.001]", "[-0.001, 0.001]", "Let them pull against"),
    ("opposite", "5.0", "0.0005", "decay hardly matters"),
    ("lars_run", "lr * trust * size / below * direction\n            theta[part] -= u[part]",
     "trust * size / below * direction\n            theta[part] -= lr * u[part]",
     "multiplies the old steps"),
    ("lars_run", "norm(g[part])", "norm(g)", "all layers together"),
    ("lars_run", "below * direction", "below**2 * direction", "normalised twice"),
    ("lars_run", "g[part] + weight_decay * theta[part]", "g[part]", "the direction is g + λθ"),
    ("lars_run", "path.append(theta.copy())", "path.append(theta)", "path differs"),
    ("all_reduce", "rows[busy] @ means[busy] / np.sum(rows)", "np.mean(means, axis=0)",
     "a mean of means"),
    ("all_reduce", " / np.sum(rows)", "", "a mean is asked"),
    ("all_reduce", "g * limit / size if size > limit else g", "g", "nothing is clipped"),
    ("all_reduce", " if size > limit else g", "", "stretched"),
    ("all_reduce", "g * limit / size if size > limit else g", "np.clip(g, -limit, limit)",
     "Cut its length"),
    ("all_reduce", "np.linalg.norm(g)", "g @ g", "the square of the norm"),
    ("all_reduce", "rows[busy] @ means[busy]", "rows @ means", "a worker with no rows"),
    ("correction_matters", '"d", "f"', '"f"', "3.16 times"),
    ("correction_matters", '{"b"', '{"g", "b"', "removes that as well"),
    ("warmup_cosine", "lr * t / warmup", "lr * (t - 1) / warmup", "starts at 0"),
    ("warmup_cosine", "(t - warmup) / (steps - warmup)", "(t - warmup) / steps", "counts the warm"),
    ("warmup_cosine", "(t - warmup) / (steps - warmup)", "t / steps", "jumps down"),
    ("warmup_cosine", "min((t - warmup) / (steps - warmup), 1)",
     "(t - warmup) / (steps - warmup)", "rises again"),
    ("warmup_cosine", "lr * t / warmup", "lr * (t - 1) / (warmup - 1 or 1)", "starts at 0"),
    ("warmup_cosine", "(t - warmup) / (steps - warmup)",
     "(t - warmup - 1) / (steps - warmup - 1)", "held for one more"),
    ("warmup_cosine", "(lr - lr_min)", "lr", "starts above lr"),
    ("warmup_cosine", "np.pi * done", "2 * np.pi * done", "a whole period"),
    ("warmup_cosine", " / 2", "", "halve it"),
    ("warmup_cosine", "(t - warmup) / (steps - warmup)",
     "(t - max(warmup, 1)) / (steps - max(warmup, 1))", "right, except for no warm-up"),
    ("averages", "-tail:", "-tail - 1:", "tail + 1 of them"),
    ("averages", "-tail:", "-tail - 1:-1", "stops before the last"),
    ("averages", "path[1:]", "path", "x₀ has no part"),
    ("averages", "(len(path) - 1)", "len(path)", "one too large"),
    ("averages", " / (1 - decay ** (len(path) - 1))", "", "too small at first"),
    ("averages", "0 * path[0]", "path[0]", "starts at x₀"),
    ("averages", "decay * average + (1 - decay) * x", "(1 - decay) * average + decay * x",
     "decay is what is kept"),
    ("test_schedule", "range(1, 15)]", "range(1, 13)]\n    rates += [0, 0]", "after the end."),
    ("test_schedule", "    assert np.isclose(schedule(1, 8.0, 0, 4), 6)\n", "", "no warm-up"),
    ("design", " * np.minimum(1, (1000 - t) / 400)", "", "all of it is noise"),
    ("design", "0.01 * t)", "0.1 * t)", "left from the start"),
    ("design", "1 / (1 + 0.01 * t) * np.minimum(1, (1000 - t) / 400)",
     "0.4 * (1 - t / 1000)", "As good as a straight line"),
    ("design", "1 / (1 + 0.01 * t) * np.minimum(1, (1000 - t) / 400)",
     "0.2 * (1 + np.cos(np.pi * t / 1000))", "It arrives and it ends short"),
    ("design", "1 / (1 + 0.01 * t) * np.minimum(1, (1000 - t) / 400)", "0 * t + 0.12",
     "Let it fall"),
    ("one_cycle", "between(low, high, share)", "between(high, low, share)", "β rises with"),
    ("one_cycle", "first / final_div", "lr / final_div", "final_div divides the peak"),
    ("one_cycle", "round(pct * steps)", "round(pct * steps) + 1", "late: it is at t = pct"),
    ("one_cycle", "(steps - peak)", "(steps + 1 - peak)", "late: it is at t = steps"),
    ("one_cycle", "min(share, 1)", "share", "rises again"),
    ("one_cycle", "(t - 1) / (peak - 1)", "t / peak", "begins at t = 0"),
    ("one_cycle", "first / final_div", "0", "not at 0"),
    ("one_cycle", "between(first, lr, share), between(high, low, share)",
     "between(high, low, share), between(first, lr, share)", "the rate first"),
    ("plateau", "loss < best:", "loss <= best:", "no improvement"),
    ("plateau", "best, bad = loss, 0", "best = loss", "does not empty the count"),
    ("plateau", "lr, bad = lr * factor, 0", "lr = lr * factor", "the count stays full"),
    ("plateau", "bad > patience", "bad >= patience", "one check too early"),
    ("plateau", "lr, bad = lr * factor, 0", "lr, bad, best = lr * factor, 0, loss",
     "forgets the best"),
    ("plateau", "            bad += 1\n", "            bad += 1\n            best = loss\n",
     "with the one before"),
    ("reset_loop", " gradient = X[rows].T", " gradient = len(y[rows]) * X[rows].T",
     "the sum over the batch"),
    ("reset_loop", "w - lr", "w + lr", "uphill"),
    ("reset_loop", "w = w - lr", "w -= lr", "changes its argument w in place"),
    ("state_loop", "        for start in range", "        m, v, t = 0 * w, 0 * w, 0\n"
     "        for start in range", "made anew every epoch"),
    ("state_loop", "np.zeros(len(w)), 0\n", "np.zeros(len(w)), -1\n", "t is 0 at the first step"),
    ("state_loop", "            t += 1\n            m =", "            m =", "t is 0 at the"),
    ("decay_loop", "np.append(np.ones(len(w)), 0.0)", "np.append(np.ones(len(w)), 1.0)",
     "as it was given"),
    ("decay_loop", "np.append(np.ones(len(w)), 0.0)", "np.append(np.zeros(len(w)), 0.0)",
     "gone altogether"),
    ("decay_loop", "np.append(np.ones(len(w)), 0.0)", "np.append(np.zeros(len(w)), 1.0)",
     "the other way round"),
    ("decay_loop", "theta[:-1], theta[-1]", "theta", "Yours returned one array"),
    ("clip_loop", "w - lr * (g * limit / size if size > limit else g)", "w - lr * g",
     "nothing is clipped"),
    ("clip_loop", "(g * limit / size if size > limit else g)", "(g * limit / size)", "stretched"),
    ("clip_loop", "gathered / len(parts)", "gathered", "average them"),
    ("clip_loop", "np.linalg.norm(g)", "np.sum(g**2)", "square of the norm"),
    ("schedule_loop", "schedule(t)", "schedule(t - 1)", "t starts at 0"),
    ("schedule_loop", "schedule(t)", "schedule(1)", "t never moves"),
    ("schedule_loop", "    t = 0\n    for _ in range(epochs):\n",
     "    for _ in range(epochs):\n        t = 0\n", "again at every epoch"),
    ("gradient_check", "(f(x + e) - f(x - e)) / (2 * h)", "(f(x + e) - f(x)) / h", "forward"),
    ("gradient_check", "(2 * h)", "h", "divide by 2h"),
    ("gradient_check", "max(abs(n), abs(a[i]))", "abs(n) + abs(a[i])", "|n| + |a|"),
    ("gradient_check", "abs(n - a[i]) / larger", "abs(n - a[i])", "absolute error"),
    ("gradient_check", "abs(n - a[i]) /", "(n - a[i]) /", "take its size"),
    ("gradient_check", "if larger > 0", "if True", "right, except for a coordinate that f does"),
    ("clip_global", "np.sqrt(sum(np.sum(g**2) for g in (a, b, c)))",
     "sum(np.sqrt(np.sum(g**2)) for g in (a, b, c))", "add their squares"),
    ("clip_global", " if norm > limit else 1.0", "", "stretched"),
    ("clip_global", "np.sqrt(sum(np.sum(g**2) for g in (a, b, c)))",
     "sum(np.sum(g**2) for g in (a, b, c))", "square of the norm"),
    ("clip_global", "limit / norm if", "limit / (norm + 1e-6) if", "torch adds 1e-6"),
    ("clip_global", "c, norm", "c, min(norm, limit)", "from before the clipping"),
    ("diagnose", "1, 4, 5, 6, 7, 2", "3, 4, 5, 6, 7, 2", "which no wrong sign does"),
    ("diagnose", "1, 4, 5, 6, 7, 2", "1, 4, 5, 2, 7, 6", "d has stopped falling"),
    ("diagnose", "1, 4, 5, 6, 7, 2", "4, 1, 5, 6, 7, 2", "does not come back"),
]  # fmt: skip


@pytest.mark.parametrize("name, old, new, words", SLIPS)
def test_slips_in_the_solution_text(name, old, new, words):
    result = check(name, answer(name, old, new))
    assert not result and words in result.line, result


def test_two_slips_at_once_name_one_and_announce_the_other():
    def adam(theta, g, m, v, t, lr, beta1, beta2, eps):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * abs(g)
        return theta - lr * m / np.sqrt(v + eps), m, v

    change = {"m_corrected": False, "v_corrected": False, "square": False, "place": "inside"}
    line = check("adam", as_answer(ch07.adam, change)).line
    assert line == check(adam).line and "differ" in line  # three slips: no guess
    line = check("adam", as_answer(ch07.adam, {"sign": 1.0, "square": False})).line
    assert "averages |g|" in line and "A second slip hides behind it." in line


def test_what_is_given_back_in_another_order_or_copied_or_rounded_is_named():
    assert "theta first" in check("adam", as_answer(ch07.adam, {"order": (1, 2, 0)})).line
    assert "√v stands below" in check("step_ratios", (0.1, 0.72, 0.1)).line
    copied = as_answer(ch07.which_optimizer, {"copied": True})
    assert "the recorded path" in check("which_optimizer", copied).line


def test_a_component_with_a_known_slip_is_explained_beside_an_unknown_one():
    assert "1/L is where" in check("step_sizes", (0.25, 0.3)).line
    line = check("step_sizes", (1, 0.952)).line
    assert "both take 0.1 and 2" in line and "second slip" not in line
    assert "best is wrong; limit is right" in check("step_sizes", (0.5, 0.3)).line
    assert check("step_sizes", (1 / 2, 1 / 2)).line.endswith("The best step is shorter.")


# --------------------------------------------------- right answers written another way


def adam_looped(grad_first, g, m, v, step, rate, b1, b2, small):
    """Other names, a loop over the elements, lists inside a list."""
    flat = [np.ravel(x).tolist() for x in (grad_first, g, m, v)]
    out = []
    for a, b, c, d in zip(*flat):
        c, d = c + (1 - b1) * (b - c), d + (1 - b2) * (b * b - d)
        out.append([a - rate * (c / (1 - b1**step)) / ((d / (1 - b2**step)) ** 0.5 + small), c, d])
    return [np.reshape(column, np.shape(g)).tolist() for column in zip(*out)]


class Adam:
    def __call__(self, *arguments):
        return ch07._right_folded(*arguments)


def descent_preallocated(grad, x0, lr, steps):
    path = np.empty((steps + 1,) + np.shape(x0))
    path[0] = x0
    for k in range(steps):
        path[k + 1] = path[k] - lr * grad(path[k])
    return path


def descent_lists(grad, x0, lr, steps):
    x = x0.astype(float)
    path = [x.tolist()]
    for _ in range(steps):
        x -= lr * grad(x)
        path.append(x.tolist())
    return tuple(path)


def differences_vectorised(f, x, h):
    steps = h * np.eye(len(x))
    return [(f(x + e) - f(x - e)) * 0.5 / h for e in steps]


def train_stable(X, y, lr, steps):
    w, losses = np.zeros(X.shape[1]), []
    for _ in range(steps):
        z = X @ w
        losses += [float(np.mean(np.logaddexp(0, z) - y * z))]
        w -= lr * np.einsum("ij,i->j", X, 0.5 * (1 + np.tanh(z / 2)) - y) / y.size
    return [list(w), losses]


def epoch_by_splits(w, X, y, lr, batch, order):
    cuts = np.arange(batch, len(y), batch)
    w = [float(value) for value in w]
    for rows in np.split(np.asarray(order), cuts):
        means = [np.mean((X[rows] @ w - y[rows]) * X[rows, j]) for j in range(len(w))]
        w = [value - lr * mean for value, mean in zip(w, means)]
    return w


def accumulate_in_groups(w, X, y, lr, micro, every):
    """A group is one batch of micro · every rows, whatever it is cut into."""
    return epoch_by_splits(w, X, y, lr, micro * every, np.arange(len(y)))


def averaged_running(grad, w0, lr, steps, burn):
    w, average = w0 + 0.0, np.zeros(np.shape(w0))
    for t in range(1, steps + 1):
        w -= lr * grad(w, t)
        average = average + (w - average) / max(t - burn, 1) if t > burn else w + 0.0
    return [w.tolist(), average.tolist()]


def polyak_by_differences(grad, x0, lrs, beta):
    """The same path from positions alone: the last move, rescaled when lr changes."""
    path = [np.array(x0, dtype=float).tolist()]
    for k, lr in enumerate(lrs):
        x = np.array(path[-1])
        move = -lr * np.asarray(grad(x))
        if k:
            move = move + beta * lr / lrs[k - 1] * (x - np.array(path[-2]))
        path.append((x + move).tolist())
    return path


def momentum_in_two_steps(momentum):
    """Four calls with plain numbers, each for another doubt; returns instead of asserting."""
    calls = [
        ((1.0, 4.0, 2.0, 0.1, 0.5), (0.5, 5.0)),
        ((1.0, -4.0, 2.0, 0.1, 0.5), (1.3, -3.0)),
        ((1.0, 0.002, 2.0, 0.1, 0.5), (0.8998, 1.002)),
    ]
    right = all(np.allclose(momentum(*given), want, rtol=1e-9) for given, want in calls)
    theta, u = momentum(np.zeros(2), np.array([1.0, 3.0]), np.zeros(2), 1.0, 0.9)
    return right and np.allclose(u, [1.0, 3.0]) and np.allclose(theta, [-1.0, -3.0])


def dampened(g, lr):
    weights = np.r_[1.0, np.full(len(g) - 1, 0.2)]
    ages = np.arange(len(g))[:, None] - np.arange(len(g))
    u = np.where(ages >= 0, 0.8 ** np.maximum(ages, 0), 0) @ (weights * g)
    return -np.cumsum(lr * u)


def nesterov_by_heavy_ball(theta, g, u, lr, beta):
    """The heavy ball's step, and once more along what remains of u."""
    new = [beta * a + b for a, b in zip(np.ravel(u), np.ravel(g))]
    ahead = [b + beta * a for a, b in zip(new, np.ravel(g))]
    stepped = [a - lr * b for a, b in zip(np.ravel(theta), ahead)]
    return [np.reshape(stepped, np.shape(theta)), np.reshape(new, np.shape(theta)).tolist()]


def uncover_by_matrix(path, lr, beta):
    """u as a filter of all moves at once."""
    steps = len(path) - 1
    ages = np.arange(steps)[:, None] - np.arange(steps)
    share = beta / (1 + beta)
    weights = np.where(ages >= 0, share ** np.maximum(ages, 0), 0) / (1 + beta)
    u = weights @ -np.diff(path, axis=0) / lr
    return (path + lr * beta * np.vstack([0 * path[:1], u])).tolist()


def restarted_with_velocity(grad, x0, lr, steps):
    """The same method by its last move instead of a point ahead."""
    x, move, k, path = np.array(x0), 0 * x0, 0, [list(x0)]
    for _ in range(steps):
        reach = k / (k + 3) * move
        g = grad(x + reach)
        move = reach - lr * g
        x = x + move
        uphill = float(g @ move) > 0
        k = 0 if uphill else k + 1
        path.append(list(x))
    return path


def chebyshev(steps, low=1.0, high=1000.0):
    """Rows of the capped race whose residuals are Chebyshev polynomials."""
    middle, radius = (high + low) / 2, (high - low) / 2
    rows, lr = [(1 / middle, 0, 0)], 1 / middle
    for k in range(1, steps):
        beta = (radius * lr) ** 2 / (2 if k == 1 else 4)
        new = 1 / (middle - beta / lr)
        rows.append((new, new * beta / lr, 0))
        lr = new
    return rows


def adagrad_looped(theta, g, s, lr, eps):
    flat = [np.ravel(x).tolist() for x in (theta, g, s)]
    new = [[a - lr * b / ((c + b * b) ** 0.5 + eps), c + b * b] for a, b, c in zip(*flat)]
    return [np.reshape(column, np.shape(g)).tolist() for column in zip(*new)]


def words_one_at_a_time(words, y, size, lr, eps):
    w, s = [0.0] * size, [0.0] * size
    for i in range(size):
        for target in y[words == i]:
            g = w[i] - target
            s[i] += g * g
            w[i] -= lr * g / (s[i] ** 0.5 + eps)
    return w, s


def adagrad_of_the_record(g):
    t = np.arange(len(g))
    return np.cumsum(-0.5 * g / (1 + t / 10) / np.sqrt(np.cumsum(g * g) + 1e-2))


def rmsprop_looped(theta, g, v, lr, beta, eps):
    flat = [np.ravel(x).tolist() for x in (theta, g, v)]
    new = []
    for a, b, c in zip(*flat):
        c += (1 - beta) * (b * b - c)
        new.append([a - lr * b / (c**0.5 + eps), c])
    return [np.reshape(column, np.shape(g)).tolist() for column in zip(*new)]


def centered_by_weights(grad, x0, lr, beta, eps, steps):
    """Mean and variance of the gradients so far, from the list of them."""
    path, seen = [np.array(x0, dtype=float)], []
    for k in range(steps):
        seen.append(grad(path[-1]))
        weights = (1 - beta) * beta ** np.arange(k, -1, -1)
        m = np.tensordot(weights, seen, 1)
        spread = np.tensordot(weights, np.square(seen), 1) - m * m
        path.append(path[-1] - lr * seen[-1] / (spread**0.5 + eps))
    return path


def cosine(t):
    return np.array([0.01 * (1 + np.cos(np.pi * t / 300))])[0]


def adamw_shrinks_first(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    """The weight shrunk first, then Adam's step from there: torch's own order."""
    moved, m, v = ch07._right_folded(0 * theta, g, m, v, t, lr, beta1, beta2, eps)
    return (1 - lr * weight_decay) * theta + moved, m.tolist(), v


def adamw_by_scaling(grad, theta0, lrs, weight_decay, beta1, beta2, eps):
    theta, m, v = theta0.astype(float), 0 * theta0, 0 * theta0
    path = [theta.tolist()]
    for k in range(len(lrs)):
        arguments = (k + 1, lrs[k], beta1, beta2, eps, weight_decay)
        theta, m, v = adamw_shrinks_first(theta, np.asarray(grad(theta)), m, v, *arguments)
        m = np.asarray(m)
        path.append(theta.tolist())
    return path


def decay_of_the_record(g, lr):
    t, path = np.arange(1, len(g) + 1), [2.0]
    ages = t[:, None] - t
    m, v = (
        np.where(ages >= 0, (1 - beta) * beta ** np.maximum(ages, 0), 0) @ x / (1 - beta**t)
        for beta, x in ((0.9, g), (0.99, g * g))
    )
    for step in lr * m / (v**0.5 + 1e-8):
        path.append(0.98 * path[-1] - step)
    return path[1:]


def ratio_by_sums(theta, g, trust, weight_decay):
    w, size = (sum(float(x) ** 2 for x in np.ravel(a)) ** 0.5 for a in (theta, g))
    if w == 0 or size + weight_decay * w == 0:
        return trust
    return [trust / (size / w + weight_decay)][0]


def lamb_looped(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    adam, m, v = ch07._right_folded(0 * theta, g, m, v, t, 1.0, beta1, beta2, eps)
    r = [float(weight_decay * a - b) for a, b in zip(np.ravel(theta), np.ravel(adam))]
    w = np.sqrt(np.vdot(theta, theta))
    step = np.array(r) * lr * (w / sum(x * x for x in r) ** 0.5 if w and any(r) else 1)
    return theta - step.reshape(np.shape(theta)), m, v.tolist()


def lars_by_layers(grad, theta0, layer, lrs, trust, weight_decay, beta):
    """Matrices of zeros and ones in place of loops over layers."""
    member = (layer == np.unique(layer)[:, None]).astype(float)
    theta, move, path = theta0 + 0.0, 0.0, [theta0]
    for lr in lrs:
        g = np.asarray(grad(theta))
        w, size = np.sqrt(member @ theta**2), np.sqrt(member @ g**2)
        rate = member.T @ (trust / (size / w + weight_decay))
        move = beta * move - lr * rate * (g + weight_decay * theta)
        theta = theta + move
        path.append(theta)
    return path


def reduce_row_by_row(means, rows, limit):
    total, count = [0.0] * means.shape[1], 0
    for mean, n in zip(means.tolist(), rows.tolist()):
        if n:
            total, count = [a + n * b for a, b in zip(total, mean)], count + n
    g = [a / count for a in total]
    size = sum(a * a for a in g) ** 0.5
    return [a * min(1, limit / size) for a in g] if size else g


def averages_by_weights(path, tail, decay):
    n = len(path) - 1
    weights = decay ** np.arange(n - 1, -1, -1.0)
    last = sum(path[k] for k in range(n + 1 - tail, n + 1)) / tail
    return last, np.tensordot(weights / weights.sum(), path[1:], 1).tolist()


def schedule_by_returning(schedule):
    """Single rates, each for another doubt."""
    first, early, peak, next_one = (float(schedule(t, 3.0, 3, 10)) for t in (1, 2, 3, 4))
    late, last, end, far = (float(schedule(t, 3.0, 3, 10)) for t in (5, 9, 10, 12))
    found = [first, early, peak, next_one, late, last, end, far, float(schedule(1, 2.0, 0, 2))]
    want = [1, 2, 3, 18 / 7, 15 / 7, 3 / 7, 0, 0, 1]
    return all(abs(a - b) < 1e-9 for a, b in zip(found, want))


def cycle_by_sines(t, lr, steps, pct, div, final_div, low, high):
    peak = pct * steps
    ends, way = ((lr / div, lr), (t - 1) / (peak - 1)) if t <= peak else (
        (lr / div / final_div, lr), max(0, steps - t) / (steps - peak))  # fmt: skip
    height = np.sin(np.pi / 2 * way) ** 2
    return [ends[0] + height * (ends[1] - ends[0]), high + height * (low - high)]


def plateau_by_restarts(losses, lr, factor, patience):
    rates, since = [], 0
    for k in range(len(losses)):
        since = 0 if k == 0 or losses[k] < min(losses[:k]) else since + 1
        if since == patience + 1:
            since, lr = 0, lr * factor
        rates += [lr]
    return rates


def sgd_in_floats(w, X, y, lr, batch, epochs):
    return schedule_in_floats(w, X, y, lambda t: lr, batch, epochs)


def schedule_in_floats(w, X, y, schedule, batch, epochs):
    w, rates = [float(value) for value in w], []
    for _ in range(epochs):
        for rows in np.split(np.arange(len(y)), np.arange(batch, len(y), batch)):
            rates.append(schedule(float(len(rates) + 1)))
            means = [np.mean((X[rows] @ w - y[rows]) * X[rows, j]) for j in range(len(w))]
            w = [value - rates[-1] * mean for value, mean in zip(w, means)]
    return w


def adam_by_the_exercise(w, X, y, lr, batch, epochs):
    m, v, t = 0 * w, 0 * w, 1
    for _ in range(epochs):
        for at in range(0, len(y), batch):
            g = np.mean(
                (X[at : at + batch] @ w - y[at : at + batch])[:, None] * X[at : at + batch], 0
            )
            w, m, v = ch07._right_folded(w, g, m, v, t, lr, 0.9, 0.999, 1e-8)
            t += 1
    return w.tolist()


def decay_by_parts(w, b, X, y, lr, weight_decay, steps):
    w = w.tolist()
    for _ in range(steps):
        error = X @ w + b - y
        w = [(1 - lr * weight_decay) * a - lr * np.mean(error * x) for a, x in zip(w, X.T)]
        b = b - lr * error.mean()
    return [w, b]


def clip_whole(w, X, y, lr, micro, limit, steps):
    for _ in range(steps):
        g = np.mean((X @ w - y)[:, None] * X, axis=0)
        w = w - lr * g * min(1.0, limit / np.sqrt(g @ g))
    return w


def check_by_rows(f, grad, x, h):
    moved = [x + s * e for e in h * np.eye(len(x)) for s in (1, -1)]
    up, down = np.reshape([f(point) for point in moved], (-1, 2)).T
    n, a = (up - down) / h / 2, np.array(grad(x))
    larger = np.where(np.abs(n) > np.abs(a), np.abs(n), np.abs(a))
    return np.divide(np.abs(a - n), larger, out=np.zeros(len(x)), where=larger > 0)


def clip_flat(a, b, c, limit):
    flat = np.concatenate([g.ravel() for g in (a, b, c)])
    norm = (flat @ flat) ** 0.5
    cut = flat / max(1.0, norm / limit)
    parts = np.split(cut, np.cumsum([a.size, b.size]))
    return [part.reshape(g.shape) for part, g in zip(parts, (a, b, c))] + [norm]


def judge_by_returning(adam):
    theta, m, v = adam(np.array([1.0]), np.array([2.0]), [0.0], [0.0], 1, 0.3, 0.5, 0.75, 1.0)
    return bool(abs(theta[0] - 0.8) < 1e-9 and abs(m[0] - 1) < 1e-9 and abs(v[0] - 1) < 1e-9)


RIGHT = [
    ("adam", adam_looped),
    ("adam", Adam()),
    ("adam", ch07._right_scaled),
    ("adam", ch07._right_looped),
    ("gradient_descent", descent_preallocated),
    ("gradient_descent", descent_lists),
    ("numerical_gradient", differences_vectorised),
    ("train", train_stable),
    ("noise_floor", [0.141, 0.281, 16]),
    ("sgd_epoch", epoch_by_splits),
    ("accumulate", accumulate_in_groups),
    ("one_over_t", (4, 2, 0.5)),
    ("averaged_sgd", averaged_running),
    ("unbiased", "abcf"),
    ("best_momentum", (1 / 36, 4 / 9, 2 / 3)),
    ("best_momentum", [0.0278, 0.444, 0.667]),
    ("steady", (10, 0.526, 0.5)),
    ("heavy_ball", polyak_by_differences),
    ("helps", ["F", "e", "a"]),
    ("test_momentum", momentum_in_two_steps),
    ("which_momentum", dampened),
    ("nesterov_limit", (0.0277, 0.072, 0.02)),
    ("nesterov", nesterov_by_heavy_ball),
    ("uncover", uncover_by_matrix),
    ("restarted", restarted_with_velocity),
    ("capped_race", chebyshev(121)),
    ("capped_race", np.array(chebyshev(400))),
    ("constant_slope", (0.005, 3.86, 115)),
    ("adagrad", adagrad_looped),
    ("dies", "abe"),
    ("train_words", words_one_at_a_time),
    ("freeze", [1000] + 999 * [1]),
    ("which_adagrad", adagrad_of_the_record),
    ("forgetting", (69, 99, 10)),
    ("rmsprop", rmsprop_looped),
    ("cycle", (0.2, 0.2, 2.02)),
    ("centered_run", centered_by_weights),
    ("wrong_way", [171] + [-0.98 * k for k in range(19)]),
    ("wrong_way", -1e-300 * np.r_[-171, 0.98 * np.arange(19)]),
    ("landing", cosine),
    ("landing", lambda t: 0.02 * 0.95 ** max(0, t - 130)),
    ("test_adam", judge_by_returning),
    ("step_sizes", [0.5, 0.476]),
    ("step_sizes", np.array([0.5, 0.476])),
    ("step_sizes", (Fraction(1, 2), Fraction(10, 21))),
    ("step_sizes", {"limit": 0.5, "best": 0.476}),
    ("steps_to_millionth", 1382),
    ("steps_to_millionth", 1381.55),
    ("steps_to_millionth", np.array([1383.5])),
    ("steps_to_millionth", np.float32(1380.5)),
    ("bias_after_100", (0.381, 0.0952)),
    ("step_ratios", (3.16, 6.57, 0.447)),
    ("converging", ["a", "d", "e"]),
    ("converging", "ade"),
    ("converging", "A, e, d"),
    ("lambda_elsewhere", (0.025, 1.5e-4, 0.0125, 13863)),
    ("adamw", adamw_shrinks_first),
    ("settle", [4.47, 0.02, 4.47e-4, 0.112]),
    ("adamw_run", adamw_by_scaling),
    ("no_decay", "b d e g"),
    ("which_decay", decay_of_the_record),
    ("trust_ratio", ratio_by_sums),
    ("lamb", lamb_looped),
    ("opposite", [[-5.0], [1e-6]]),
    ("opposite", np.vstack([np.full(64, 9.0), np.full(64, -1e-3)])),
    ("lars_run", lars_by_layers),
    ("all_reduce", reduce_row_by_row),
    ("correction_matters", "bcdf"),
    (
        "warmup_cosine",
        lambda t, lr, w, n, low: (
            np.interp(t, [0, w], [0, lr])
            if t < w
            else low + (lr - low) * np.cos(np.pi / 2 * min(1.0, (t - w) / (n - w))) ** 2
        ),
    ),
    ("averages", averages_by_weights),
    ("test_schedule", schedule_by_returning),
    (
        "design",
        np.minimum(0.99, 1.6 / (1 + 0.016 * np.arange(1000)))
        * np.minimum(1, np.arange(1000, 0, -1) / 500),
    ),
    ("one_cycle", cycle_by_sines),
    ("plateau", plateau_by_restarts),
    ("reset_loop", sgd_in_floats),
    ("state_loop", adam_by_the_exercise),
    ("decay_loop", decay_by_parts),
    ("clip_loop", clip_whole),
    ("schedule_loop", schedule_in_floats),
    ("gradient_check", check_by_rows),
    ("clip_global", clip_flat),
    ("diagnose", [1, 4, 5, 6, 7, 2]),
    ("make_adam_jump", (1.11 ** np.arange(3000)).tolist()),
    ("make_adam_jump", -1e-300 * 1.11 ** np.arange(3000)),
]


@pytest.mark.parametrize("name, given", RIGHT)
def test_right_in_another_way(name, given):
    for seed in range(3):
        result = check(name, given, seed=seed)
        assert result and result.score == 1, result


# ------------------------------------------------------------- answers of the wrong kind


def returning(value):
    return lambda theta, g, m, v, t, lr, beta1, beta2, eps: value


def raising(error):
    def function(theta, g, m, v, t, lr, beta1, beta2, eps):
        raise error

    return function


def changed(change):
    def function(theta, g, m, v, t, lr, beta1, beta2, eps):
        return change(*ch07._adam(theta, g, m, v, t, lr, beta1, beta2, eps))

    return function


def in_place(theta, g, m, v, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * g
    return ch07._adam(theta, g, (m - (1 - beta1) * g) / beta1, v, t, lr, beta1, beta2, eps)


class Awkward:
    def __array__(self, *args, **kwargs):
        raise SystemError("<b>no</b>")


KINDS = [
    (returning(None), "None: is there a return"),
    (returning(...), "Yours returned of type ellipsis"),
    (returning((..., 1.0, 2.0)), "theta is still three dots"),
    (returning((None, 1.0, 2.0)), "theta is None"),
    (returning(1.0), "return 3 values, theta, m, v. Yours returned one number"),
    (returning((1.0, 2.0)), "Yours returned 2."),
    (returning(np.zeros((3, 4))), "Yours returned one array"),
    (returning({"theta": 1}), "Yours returned a dict"),
    (returning(("<b>x</b>", 1.0, 2.0)), "theta must be numbers; yours is text"),
    (returning((True, 1.0, 2.0)), "yours is True or False"),
    (returning((Awkward(), 1.0, 2.0)), "theta cannot be read as an array"),
    (returning(([[1.0], [1.0, 2.0]], 1.0, 2.0)), "theta cannot be read as an array"),
    (returning((lambda: 1, 1.0, 2.0)), "yours is a function"),
    (returning((torch.zeros(3), 1.0, 2.0)), "answers are NumPy only: yours uses torch"),
    (changed(lambda a, b, c: (a + 0j, b, c)), "theta is complex"),
    (changed(lambda a, b, c: (np.array(a, dtype=object).reshape(-1), b, c)), "an object array"),
    (changed(lambda a, b, c: (np.array(a).astype(str), b, c)), "yours holds str"),
    (changed(lambda a, b, c: (a, b * np.nan, c)), "m holds nan for theta of shape (4,)"),
    (changed(lambda a, b, c: (a, b, c + np.inf)), "v holds inf"),
    (changed(lambda a, b, c: (np.reshape(a, (1, *np.shape(a))), b, c)), "shape (1, 4); it should"),
    (changed(lambda a, b, c: (np.float32(a), b, c)), "right to four digits only"),
    (changed(lambda a, b, c: (a * (1 + 5e-5), b, c)), "right to four digits only"),
    (changed(lambda a, b, c: (a * 1.001, b, c)), "theta differs from the reference, m and v are"),
    (changed(lambda a, b, c: (a * (1 + (a.ndim == 2)), b, c)), "theta differs from the reference"),
    (changed(lambda a, b, c: (a, b, c * 1.1)), "v differs from the reference, theta and m are"),
    (in_place, "changes its argument m in place"),
    (raising(ValueError("=cmd|<script>\x1b[31m\n" + "x" * 500)), "ValueError: cmd| script [31m x"),
    (raising(SystemExit(3)), "your function raises SystemExit"),
    (raising(RecursionError("deep")), "your function raises RecursionError: deep in line"),
    (raising(ImportError("no", name="torch.optim")), "NumPy only: yours uses torch"),
    (lambda theta, g: theta, "your function must take 9 arguments: (theta, g, m, v, t, lr"),
    (3.0, "adam must be a function; yours is one number"),
    (..., "write your answer in the cell above"),
    (None, "write your answer in the cell above"),
]


@pytest.mark.parametrize("given, words", KINDS)
def test_each_bad_answer_gets_a_sentence(given, words):
    result = check("adam", given)
    assert not result and result.score == 0
    assert words in result.line, result
    assert result.line.isprintable() and len(result.line) < 300
    assert not set("<>&\x1b") & set(result.line)


NUMBER_KINDS = [
    ("step_sizes", "0.5", "give 2 numbers: limit, best. Yours is text"),
    ("step_sizes", 0.5, "give 2 numbers: limit, best. Yours is one number"),
    ("step_sizes", (0.5,), "2 numbers: limit, best; yours holds 1"),
    ("step_sizes", np.zeros(10**6), "2 numbers: limit, best; yours holds 1000000"),
    ("step_sizes", (0.5, ...), "one of the numbers is still missing"),
    ("step_sizes", (..., ...), "write your answer in the cell above"),
    ("step_sizes", (np.nan, 0.5), "nan and inf"),
    ("step_sizes", ([0.5, 0.4], 0.5), "2 numbers: limit, best; yours holds 3"),
    ("steps_to_millionth", "346", "must be numbers; yours is text"),
    ("steps_to_millionth", True, "yours is True or False"),
    ("steps_to_millionth", 346j, "complex"),
    ("steps_to_millionth", [1, 2], "the answer is one number; yours holds 2"),
    ("steps_to_millionth", np.log, "yours is a function"),
    ("steps_to_millionth", 500, "not this number"),
    ("steps_to_millionth", torch.tensor(346.0), "NumPy only"),
    ("converging", 3, "answer with a set of letters"),
    ("converging", {"f"}, "there is no option f; choose among a, b, c, d, e"),
    ("converging", {1}, "there is no option 1"),
    ("converging", {"=<x>"}, "there is no option x; choose"),
    ("capped_race", [], "rows of (lr, beta, gamma), please; yours has (0,)"),
    ("capped_race", np.zeros((0, 3)), "1 to 400 rows; yours are 0"),
    ("capped_race", np.zeros((401, 3)), "yours are 401"),
    ("capped_race", [(1e-3, np.nan, 0)] * 9, "no step sizes"),
    ("capped_race", [(1e300, 1e300, 1e300)] * 9, "more than a million times"),
    ("capped_race", [(1e-3, 1e300, 0)] * 9, "more than a million times"),
    ("capped_race", [(0.0, 0.0, 0.0)] * 9, "No rows at all"),
    ("capped_race", [(1e-3, 0.0, 0.0)] * 400, "Without memory"),
    ("capped_race", [(1e-3, 0.99, 0.0)] * 400, "swing to and fro"),
    ("freeze", np.ones(999), "1000 gradients in one row, please; yours has (999,)"),
    ("freeze", np.zeros(1000), "between 1 and 1000"),
    ("freeze", np.full(1000, np.nan), "between 1 and 1000"),
    ("freeze", np.r_[1e308, np.ones(999)], "between 1 and 1000"),
    ("wrong_way", [1.0], "2 to 20 gradients in one row; yours has (1,)"),
    ("wrong_way", np.ones((3, 3)), "in one row; yours has (3, 3)"),
    ("wrong_way", [1.0, np.nan], "no gradients"),
    ("wrong_way", np.zeros(5), "without a gradient there is no step"),
    ("wrong_way", [1.0, -1.0], "0.000 of their sizes"),
    ("landing", lambda t: np.nan, "finite and not negative"),
    ("landing", lambda t: -1.0, "finite and not negative"),
    ("landing", lambda t: [0.1, 0.2], "lr has shape (2,); it should have ()"),
    ("landing", lambda t: 1e300 / t, "x overflows"),
    ("landing", lambda t: [None][0], "lr is None"),
    ("landing", lambda: 0.1, "must take one argument: (t)"),
    ("opposite", np.ones((3, 4)), "two rows, weights and gradient, of 1 to 64"),
    ("opposite", np.ones((2, 65)), "yours has (2, 65)"),
    ("opposite", np.zeros((2, 0)), "yours has (2, 0)"),
    ("opposite", np.zeros((2, 3)), "between 1e-6 and 1e6 in size; none is 0"),
    ("opposite", [[np.nan], [1.0]], "none is 0"),
    ("opposite", [[1.0], [1e300]], "none is 0"),
    ("opposite", [[5.0, 2.0], [-0.5, -0.2]], "LARS stands still"),
    ("opposite", [[10.0, -10.0], [-3.0, 3.0]], "LAMB stands still"),
    ("opposite", [[0.5, 0.2], [-3.0, -4.0]], "decay hardly matters"),
    ("opposite", [[5.0, 5.0], [-0.001, 3.0]], "In each coordinate"),
    ("design", np.ones(999), "1000 step sizes in one row; yours has (999,)"),
    ("design", np.full(1000, 1.1), "between 0 and 1"),
    ("design", np.full(1000, np.nan), "between 0 and 1"),
    ("design", np.full(1000, -1e-9), "between 0 and 1"),
    ("design", np.zeros(1000), "Let it fall"),
    ("diagnose", 1, "give 6 numbers: a, b, c, d, e, f"),
    ("diagnose", (1, 4, 5, 6, 7, ...), "one of the numbers is still missing"),
    ("diagnose", (1, 4, 5, 6, 7, 9), "f is wrong; a, b, c, d and e are right"),
    ("make_adam_jump", [], "1 to 3000 gradients; yours are 0"),
    ("make_adam_jump", np.ones(3001), "yours are 3001"),
    ("make_adam_jump", np.ones((2, 2)), "one row of numbers"),
    ("make_adam_jump", [1.0, np.inf], "nan and inf are no gradients"),
    ("make_adam_jump", np.zeros(5), "Without a gradient there is no step"),
    ("make_adam_jump", lambda: 1, "must be numbers; yours is a function"),
]


@pytest.mark.parametrize("name, given, words", NUMBER_KINDS)
def test_each_bad_number_gets_a_sentence(name, given, words):
    result = check(name, given)
    assert not result and words in result.line, result
    assert not set("<>&") & set(result.line)


def test_empty_functions_are_unsolved_and_others_are_not():
    def adam(theta, g, m, v, t, lr, beta1, beta2, eps):
        """Only a docstring."""

    assert "adam is still empty" in check(adam).line

    def adam(theta, g, m, v, t, lr, beta1, beta2, eps):
        ...
        pass

    assert "adam is still empty" in check(adam).line

    def adam(theta, g, m, v, t, lr, beta1, beta2, eps):
        m = beta1 * m  # begun, but nothing is returned

    assert "Yours returned None" in check(adam).line


def test_corner_cases_are_named():
    def gradient_descent(grad, x0, lr, steps):
        path = np.empty((steps + 1, *x0.shape), dtype=x0.dtype)
        path[0] = x0
        for k in range(steps):
            path[k + 1] = path[k] - lr * grad(path[k])
        return path

    assert "right, except for an x0 of whole numbers" in check(gradient_descent).line

    def adam(*arguments):
        theta, m, v = ch07._adam(*arguments)
        return (theta if np.any(v) else theta * np.nan), m, v

    assert "right, except for a gradient that has always been 0" in check(adam).line

    def numerical_gradient(f, x, h):
        return differences_vectorised(f, x, h) if len(x) > 1 else float("x")

    line = check(numerical_gradient).line
    assert "right, except for an x of one number: your function raises ValueError" in line


def test_shared_arrays_and_mutation_of_x0():
    def gradient_descent(grad, x0, lr, steps):
        path = [x0]
        for _ in range(steps):
            x0 -= lr * grad(x0)
            path.append(x0)
        return np.array(path)

    assert "changes its argument x0 in place" in check(gradient_descent).line


def test_prints_and_warnings_of_an_answer_stay_quiet(capsys):
    def adam(theta, g, m, v, t, lr, beta1, beta2, eps):
        print("debugging", np.log(-1.0), 1 / np.zeros(2))
        return ch07._adam(theta, g, m, v, t, lr, beta1, beta2, eps)

    assert check(adam)
    assert capsys.readouterr() == ("", "")


def test_slow_answers_stop(monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr("optlib_checks.answers.time.monotonic", lambda: next(clock))
    assert "took more than 5 s in all" in check(answer("adam")).line


# --------------------------------------------------------------- other libraries


def test_answers_that_use_torch_or_optlib_are_told():
    def inside(theta, g, m, v, t, lr, beta1, beta2, eps):
        from torch import optim

        return optim

    def helper(x):
        return torch.as_tensor(x)

    outside = eval("lambda *a: helper(a[0])", {"helper": helper})
    through = eval("lambda *a: adam(*a)", {"adam": torch.optim.Adam})
    nested = eval("lambda *a: (lambda: helper(a[0]))()", {"helper": helper})
    for function in (inside, outside, through, nested, torch.optim.Adam):
        assert "NumPy only: yours uses torch" in check("adam", function).line
    from optlib import rules

    assert "NumPy only: yours uses optlib" in check("adam", rules.get("adam")).line
    assert "NumPy only: yours uses optlib" in check(rules.get("adam")).line


def test_imports_of_the_cell_are_seen():
    text = "import optlib.rules\n" + solution("adam")
    linecache.cache["<cell 7>"] = (len(text), None, text.splitlines(keepends=True), "<cell 7>")
    names = {"np": np, "__name__": "__main__"}
    exec(compile(solution("adam"), "<cell 7>", "exec"), names)
    try:
        assert "NumPy only: yours uses optlib" in check(names["adam"]).line
    finally:
        del linecache.cache["<cell 7>"]
    assert check(names["adam"])


def test_the_checks_load_numpy_alone():
    code = (
        "import sys, optlib_checks; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "numpy" in loaded
    site = {name for name in loaded if name not in sys.stdlib_module_names and name[0] != "_"}
    assert {"optlib", "torch", "IPython", "jax", "sympy"}.isdisjoint(loaded)
    assert {"optlib_checks", "numpy"} <= site


# ------------------------------------------------------------------ the call itself


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("adm", 1), "there is no exercise named adm; did you mean adam?"),
        (("adam",), 'hand in your answer too: check("adam", adam)'),
        ((3.0,), "say which exercise it is"),
        (("zzzzz", 1), "there are step_sizes, "),
        ((np.zeros(3),), "say which exercise it is"),
        ((None, 1), "say which exercise it is"),
        (("<b>&", 1), "there is no exercise named b"),
    ],
)
def test_calls_that_name_no_exercise(arguments, words):
    result = check(*arguments)
    assert not result and words in result.line


def test_names_are_unique_and_lines_repeat():
    assert sum(len(chapter.EXERCISES) for chapter in FOLDERS.values()) == len(EXERCISES)
    wrong = answer("adam", "g**2", "abs(g) * 1.1")
    assert check(wrong).line == check(wrong).line


@pytest.mark.parametrize("junk", [None, 1, (1.0,), (np.zeros(3),), [np.zeros(3)] * 3,
                                  (np.float32([1]),) * 3, ("a", "b", "c"),
                                  (np.ma.zeros(3),) * 3])  # fmt: skip
def test_the_judge_holds_its_caller_to_float64_arrays(junk):
    result = judge(ch07.adam, lambda case: junk)
    assert not result and "did not arrive as plain numbers" in result.line


def test_an_object_equal_to_everything_gains_nothing():
    class Everything(np.ndarray):
        def __eq__(self, other):
            return True

        def __array_function__(self, *args, **kwargs):
            return True

    fake = np.zeros(4).view(Everything)
    assert not judge(ch07.adam, lambda case: (fake, fake, fake))
    assert not check("adam", returning((fake, fake, fake)))


def test_the_judge_needs_no_learner_object():
    """The same judge over another kind of call, as a sandbox would offer it."""

    def call(case):
        values = ch07._adam(*case.values())
        return tuple(np.asarray(v, dtype=float) for v in values)

    assert judge(ch07.adam, call, seed=12345).passed

    def refusing(case):
        raise Refused("your code ended the process.")

    assert judge(ch07.adam, refusing).line == "not yet: your code ended the process."
    with pytest.raises(Refused, match="write your answer"):
        caller(ch07.adam, None)


def test_clean_survives_hostile_text():
    class Hostile(str):
        def __repr__(self):
            raise ValueError

    class Loud:
        def __repr__(self):
            raise ValueError

    assert clean("  =1+1\n\x00<i>") == "1+1 i"
    assert clean("x" * 500).endswith("…") and len(clean("x" * 500)) == 120
    assert clean(Loud()) == "something that cannot be printed"
    assert clean(Hostile("fine")) == "fine"


# ------------------------------------------------------------- Adam against torch


def test_reference_adam_is_torchs():
    rng = np.random.default_rng(3)
    theta = rng.normal(size=(3, 2))
    parameter = torch.tensor(theta, requires_grad=True)
    h = {"lr": 0.03, "beta1": 0.7, "beta2": 0.95, "eps": 1e-3}
    optimizer = torch.optim.Adam([parameter], lr=0.03, betas=(0.7, 0.95), eps=1e-3)
    m = v = np.zeros_like(theta)
    for t in range(1, 60):
        g = rng.normal(size=theta.shape)
        parameter.grad = torch.tensor(g)
        optimizer.step()
        theta, m, v = ch07._adam(theta, g, m, v, t, **h)
        np.testing.assert_allclose(parameter.detach().numpy(), theta, rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------- make Adam jump


def step_by_torch(gradients):
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([parameter], lr=1.0, eps=0.0)
    longest = 0.0
    for g in gradients:
        before = parameter.item()
        parameter.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        if np.isfinite(parameter.item()):
            longest = max(longest, abs(parameter.item() - before))
    return longest


def test_the_longest_step_is_torchs():
    rng = np.random.default_rng(0)
    for gradients in (rng.normal(size=50), 1.3 ** np.arange(80), np.ones(7)):
        assert ch07.step_over_lr(gradients)[0] == pytest.approx(step_by_torch(gradients), rel=1e-9)


def test_no_sequence_of_floats_beats_the_ceiling():
    rng = np.random.default_rng(1)
    tiny, huge = 5e-324, 1.7e308
    tricks = [
        [tiny] * 50, [8 * tiny] + [0.0] * 50, [3 * tiny, tiny] * 20,
        [tiny, huge], [huge, tiny] * 30, [huge] * 100, [tiny * 2.0**k for k in range(1000)],
        [0.0] * 2900 + [tiny * 2.0**k for k in range(100)],
        [1e-200, 0, 1e-300, 0, 1e200, 1e-320] * 20,
    ]  # fmt: skip
    tricks += [10.0 ** rng.uniform(-320, 308, size=300) for _ in range(30)]
    tricks += [rng.uniform(1.05, 1.2) ** np.arange(3000) for _ in range(5)]
    for gradients in tricks:
        assert 0 < ch07.step_over_lr(gradients)[0] < 7.0873


SILENCE = np.zeros(2940)
JUMPS = [
    (np.ones(3000), 1.0, "one constant gradient"),
    (1.11 ** np.arange(60), 1.76, "silence come first"),
    (np.r_[np.zeros(2999), 1.0], 3.08, "One spike after a silence"),
    (np.r_[SILENCE, np.ones(60)], 6.39, "the twelfth step is the longest"),
    (np.r_[np.zeros(2998), 1.0, 1.0], None, "What if the gradients grow"),
    (np.r_[SILENCE, 2.0 ** np.arange(60)], 4.85, "slower growth"),
    (np.r_[SILENCE, 1.3 ** np.arange(60)], None, "Close. Cauchy–Schwarz"),
    (np.r_[SILENCE, 1.18 ** np.arange(60)], 6.91, "Close. Cauchy–Schwarz"),
    (np.r_[SILENCE, 1.11 ** np.arange(60)], 7.09, "can you prove"),
]


@pytest.mark.parametrize("gradients, longest, words", JUMPS)
def test_jumps_are_answered_by_their_height(gradients, longest, words):
    result = check("make_adam_jump", gradients)
    assert words in result.line
    assert result.passed == (words == "can you prove")
    if longest is not None:
        assert f" {longest:.2f} η at step" in result.line
        assert result.score == pytest.approx(min(1, longest / 7), abs=1e-3)


# ------------------------------------------------------------- tests of the learner


def close(*arguments):
    """A test built on the right answer to one call."""
    want = ch07._adam(*arguments)
    return lambda adam: all(np.allclose(a, b) for a, b in zip(adam(*arguments), want))


def only_first(adam):
    return bool(np.isclose(adam(1.0, 2.0, 0.0, 0.0, 1, 0.3, 0.5, 0.75, 1.0)[0], 0.8))


def named_test_adam(body):
    def test_adam(adam):
        return body(adam)

    return test_adam


START = (1.0, 2.0, 0.0, 0.0)
LEARNERS_TESTS = [
    (lambda adam: None, 0, "0 of 12 wrong Adams caught. Slipped through: the bias correction"),
    (close(*START, 1, 0.3, 0.5, 0.75, 1.0), 12, "all 12 wrong Adams caught"),
    (close(*START, 1, 0.3, 0.5, 0.5, 1e-12), 9, "through: the place of ε; the moments themselves."),
    (close(*START, 1, 0.3, 0.5, 0.75, 1e-12), 9, "through: the bias correction; the place of ε."),
    (close(*START, 1, 0.3, 0.5, 0.5, 1.0), 11, "Slipped through: the moments themselves."),
    (close(1.0, 1.0, 0.3, 0.2, 1, 0.3, 0.5, 0.75, 1.0), 11, "through: the moments themselves."),
    (close(1.0, 2.0, 0.5, 0.2, 1000, 0.3, 0.5, 0.75, 1.0), 5, "through: the bias correction; "),
    (only_first, 10, "the moments themselves; what is returned for the next step."),
    (lambda adam: False, None, "reject every Adam, the right ones too"),
    (lambda adam: 1 / 0, None, "an error that is no AssertionError"),
    (lambda adam: 3, None, "your tests returned one number"),
    (lambda adam: adam.slip is None, 12, "all 12"),
    (lambda adam: 1 / 0 if adam.slip else True, 12, "all 12"),
]


@pytest.mark.parametrize("body, caught, words", LEARNERS_TESTS)
def test_learners_tests_are_marked_by_what_they_catch(body, caught, words):
    for seed in range(3):
        result = check(named_test_adam(body), seed=seed)
        assert words in result.line, result
        assert result.passed == (caught == 12)
        assert result.score == (0 if caught is None else caught / 12)


def test_exact_equality_rejects_a_right_adam():
    arguments = (0.1, 0.7, 0.3, 0.2, 3, 0.1, 0.9, 0.99, 1e-8)
    want = ch07._adam(*arguments)
    exact = named_test_adam(lambda adam: all(bool(a == b) for a, b in zip(adam(*arguments), want)))
    assert "differs by rounding alone" in check(exact).line


def test_the_wrong_adams_differ_and_the_right_ones_agree():
    rng = np.random.default_rng(5)
    cases = list(ch07.adam.cases(rng))
    for case in cases:
        want = ch07._adam(*case.values())
        for right in ch07._RIGHT:
            for a, b in zip(right(*case.values()), want):
                np.testing.assert_allclose(a, b, rtol=1e-12)
    adams = [next(iter(case.values())) for case in ch07._implementations(rng)]
    assert sum(adam.slip is None for adam in adams) == 4 and len(adams) == 16
    assert {adam.__name__ for adam in adams} == {"adam"}


# ------------------------------------------------------------------ identify


def test_the_record_tells_every_variant_apart():
    """The data a learner sees suffice: no known wrong rule reproduces them."""
    g, lr, theta = recorded_path()
    np.testing.assert_allclose(ch07._unknown_rule(g, lr)[0], theta, rtol=1e-14)
    for mistake in ch07.which_optimizer.mistakes:
        if mistake.change == {"copied": True}:
            continue
        path = ch07._unknown_rule(g, lr, **mistake.change)[0]
        assert np.abs(path - theta).max() > 0.05
    # The hints: the first step is longer than lr; 13 to 20 are the tiny gradients; 26 the drop.
    assert abs(theta[0]) > lr[0] and abs(g[12:20]).max() < 0.05 < abs(g[[11, 20]]).min()
    assert lr[24] == 10 * lr[25]
