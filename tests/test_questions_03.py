"""The questions of Chapter 3, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
from test_questions import chapter_questions, numbers_are, option, says

from optlib import run, symbolic
from optlib.rules import momentum

CHAPTER = chapter_questions("03_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def radius(x, beta):
    """The factor a step of momentum in a direction with lr * curvature = x."""
    return symbolic.spectral_radius(momentum, x, lr=1, beta=beta)


def ones(theta):
    """A slope of 1 everywhere."""
    return np.ones_like(theta)


@recomputes("q-mom-convert")
def between_two_papers(question):
    paper = run("polyak_momentum", lambda x: 2 * x, 1.0, 30, lr=0.1, beta=0.9).theta
    right, *wrong = 1.0, 0.1, 0.01, 0.9
    for lr in (right, *wrong):
        ours = run("damped_momentum", lambda x: 2 * x, 1.0, 30, lr=lr, beta=0.9).theta
        assert np.allclose(ours, paper) == (lr == right)
    numbers_are(question, right, *wrong)
    says(question.options[0], f"0.1/{1 - 0.9:.1f}")


@recomputes("q-mom-drop")
def the_rate_drops(question):
    def rate(t):
        return 0.1 if t <= 400 else 0.01

    def step(name):
        return -np.diff(run(name, ones, 0.0, 401, lr=rate, beta=0.9).theta)

    inside, outside = step("polyak_momentum"), step("momentum")
    plain = -np.diff(run("gradient_descent", ones, 0.0, 401, lr=rate).theta)
    numbers_are(question, inside[-1], outside[-1], plain[-1], inside[-2])
    says(question.options[0], f"0.1/(1-0.9) = {inside[-2]:.0f}")


@recomputes("predict-mom-zigzag")
def after_two_steps(question):
    def across(name):
        feed = iter([(10, -0.1), (-10, -0.1)])
        return run(name, lambda theta: np.array(next(feed)), (0, 0), 2, lr=1.0).theta[:, 0]

    ends = {name: across(name) for name in ("gradient_descent", "momentum")}
    assert ends["gradient_descent"][-1] == 0
    last = np.diff(ends["momentum"])
    says(question, f"momentum at **−{-ends['momentum'][-1]:.0f}**", f"${last[0]:.0f}$")
    says(question, f"makes $+{np.diff(ends['gradient_descent'])[1]:.0f}$", f"only $+{last[1]:.0f}$")


@recomputes("q-mom-defective")
def growth(question):
    matrix = np.array([[0.9, 1], [0, 0.9]])
    corner = [np.linalg.matrix_power(matrix, k)[0, 1] for k in range(1, 200)]
    assert np.allclose(corner, [k * 0.9 ** (k - 1) for k in range(1, 200)])
    assert np.allclose(corner[8:10], max(corner))  # k = 9 and 10 tie
    numbers_are(question, max(corner), corner[0], np.linalg.eigvals(matrix)[0], 1 / (1 - 0.9))
    assert corner[1] / corner[0] == pytest.approx(2 * 0.9)


@recomputes("q-mom-factor")
def one_factor(question):
    right = radius(1, 0.81)
    assert (1 - np.sqrt(0.81)) ** 2 < 1 < (1 + np.sqrt(0.81)) ** 2
    numbers_are(question, right, 0, 0.81, 2 * np.sqrt(0.81), 1 - 0.81)
    polynomial = [1, -(1 + 0.81 - 1), 0.81]
    assert np.allclose(abs(np.roots(polynomial)), right)
    says(option(question, "0.19"), "z^2 - 0.81z + 0.81")


@recomputes("q-mom-helps")
def when_it_helps(question):
    cases = {"0.01$, $\\beta = 0.9$": (0.01, 0.9), "\\beta = 0.99": (0.01, 0.99)}
    cases |= {"= 0.5$, $": (0.5, 0.5), "1.9": (1.9, 0.5), "= 3$": (3, 0.9)}
    for words, (x, beta) in cases.items():
        found = option(question, words)
        assert found.right == (radius(x, beta) < abs(1 - x))
        factors = round(radius(x, beta), 3), round(abs(1 - x), 4)
        says(found, *(f"{value:g}" for value in factors))


@recomputes("q-mom-noise")
def the_same_calm(question):
    def variance(lr, beta):
        """Of theta in the long run, from the rule's own matrix and noise."""
        matrix = np.array(symbolic.iteration_matrix(momentum, 1.0, lr=lr, beta=beta), dtype=float)
        noise = np.array(momentum(0.0, 1.0, 0.0, t=1, lr=lr, beta=beta))
        both = np.eye(4) - np.kron(matrix, matrix)
        return np.linalg.solve(both, np.outer(noise, noise).ravel())[0]

    before, after = variance(0.01, 0), variance(0.01, 0.9)
    assert after / before == pytest.approx(10, rel=0.01)
    right = option(question, "It grows about tenfold")
    assert [o for o in question.options if o.right] == [right]
    says(right, f"{before:.5f}", f"{after:.4f}", f"step is {0.01 / (1 - 0.9):.1f}")
    assert variance(0.001, 0.9) == pytest.approx(before, rel=0.01)


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
