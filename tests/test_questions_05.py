"""The questions of Chapter 5, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
from test_questions import chapter_questions, numbers_are, option, says

from optlib import rules, run, surfaces, sweep

CHAPTER = chapter_questions("05_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def steps_of(gradients, **hyper):
    """AdaGrad's steps on a list of gradients, in units of lr."""
    feed = iter(gradients)
    path = run("adagrad", lambda x: np.asarray(next(feed)), 0.0, len(gradients), lr=1, **hyper)
    return -np.diff(path.theta)


@recomputes("q-ag-cauchy")
def cauchy(question):
    sums = np.array([81, 9, 9, 1])
    roots, d = np.sqrt(sums).sum(), len(sums)
    right = roots / np.sqrt(d * sums.sum())
    numbers_are(question, right, roots / np.sqrt(sums.sum()), roots / (d * 10), 1)
    says(question.options[0], f"= {roots:.0f}$", f"= {np.sqrt(d * sums.sum()):.0f}$")
    says(question.options[1], f"\\sqrt{{{sums.sum()}}} = 10")


@recomputes("predict-ag-turn")
def turn(question):
    start, lr = np.array([1, 0.4]), np.logspace(-3, 7, 201)
    steps, good = {}, {}
    for angle in (0, 45):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        surface = surfaces.quadratic((1, 100), rotation=angle)
        place = np.array([[c, -s], [s, c]]) @ start
        f = sweep("adagrad", surface, place, 1000, lr=lr, goal=1e-6 * surface(place))
        steps[angle] = f.steps_to[f.steps_to > 0].min()
        good[angle] = lr[f.finite & (f.loss <= 1e-3 * surface(place))]
    says(question, f"{steps[45]} steps", f"instead of {steps[0]}")
    says(question, f"{np.log10(good[45].max() / good[45].min()):.1f} decades wide")
    text = " ".join(question.text)
    assert f"in {steps[0]} steps" in text
    assert f"from {good[0].min():.3f} to $10^7$" in text
    assert good[0].max() == lr[-1]


@recomputes("predict-ag-tub")
def tub(question):
    losses = {
        "bowl": (lambda x: x, lambda x: x**2 / 2),
        "tub": (np.tanh, lambda x: np.logaddexp(x, -x) - np.log(2)),
    }
    steps = {}
    for name, (slope, loss) in losses.items():
        for lr in (10, 100):
            r = run("adagrad", slope, 0.4, 16_000, lr=lr, loss=loss)
            steps[name, lr] = r.steps_to(1e-3 * r.loss[0])
    assert f"after {steps['tub', 10]} steps" in " ".join(question.text)
    ratio = steps["tub", 100] / steps["tub", 10]
    says(question, f"**{steps['tub', 100]:,}** steps", f"{ratio:.0f} times as many")
    says(question, f"needs {steps['bowl', 10]} steps", f"and {steps['bowl', 100]} with 100")


@recomputes("q-ag-clock")
def clock(question):
    a = steps_of([100.0] * 100, eps=0)[-1]
    b = steps_of([0.01] * 4, eps=0)[-1]
    assert b / a == pytest.approx(5)
    right = option(question, "B's, five times")
    assert [o for o in question.options if o.right] == [right]
    says(right, f"{b:g} η", f"{a:g} η")
    assert f"{100 / 0.01:,.0f} times" in option(question, "A's, by far").label
    assert f"{100 // 4} times" in option(question, "25").label


def late_share(gradient, lr, start=3.0, steps=4000):
    """How much of the sum of squared gradients the second half of a run adds."""
    seen = []

    def record(x):
        seen.append(float(gradient(x)))
        return np.asarray(seen[-1])

    run("adagrad", record, start, steps, lr=lr, eps=1e-300)
    squares = np.square(seen)
    return squares[steps // 2 :].sum() / squares.sum()


@recomputes("q-ag-finite")
def finite(question):
    rng = np.random.default_rng(0)
    cases = {
        "x^2/2": (lambda x: x, 1000),
        "|x|": (np.sign, 0.1),
        "sin": (lambda x: 2 * x + 3 * np.sin(2 * x), 1),
        "(x+1)^2/2": (lambda x: x - rng.choice((-1, 1)), 1),
        "50(x-1)^2": (lambda x: rng.choice((1, 100)) * (x - 1), 1),
    }
    assert len(cases) == len(question.options)
    for words, (gradient, lr) in cases.items():
        share = late_share(gradient, lr)
        assert share < 1e-9 or share > 0.3, (words, share)
        assert option(question, words).right == (share < 1e-9), (words, share)
    says(option(question, "sin"), f"exceeds {2 + 3 * 2}")


@recomputes("q-ag-start")
def start(question):
    s0, g = 0.1, 0.01
    assert rules.get("adagrad_optax").hyper["initial_accumulator"] == s0
    right = s0 / g**2
    s = 0.0
    for t in range(1, round(right) + 1):
        s = rules.get("adagrad_optax")(0.0, g, s, t=t)[1]
    assert s == pytest.approx(s0)
    numbers_are(question, right, s0 / g, np.sqrt(s0) / g, 1)
    says(question.options[2], f"{np.sqrt(s0):.3f}/0.01")


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
