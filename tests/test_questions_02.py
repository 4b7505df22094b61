"""The questions of Chapter 2, recomputed: right answers, wrong ones, and the numbers in words."""

import itertools
import re

import numpy as np
import pytest
from test_questions import chapter_questions, numbers_are, option, says

from optlib import experiments, run
from optlib.rules import gradient_descent

CHAPTER = chapter_questions("02_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def advance(v, lr, curvature=1.0, sigma=1.0):
    """The mean square after one step of the rule: the mean over noise of plus and minus sigma."""
    points = np.array([np.sqrt(v), -np.sqrt(v)])[:, None]
    noise = sigma * np.array([1.0, -1.0])
    return np.mean(gradient_descent(points, curvature * points + noise, t=1, lr=lr) ** 2)


def settled(lr, curvature, sigma=1.0, steps=5000):
    """The loss at which the mean square no longer changes."""
    v = 0.0
    for _ in range(steps):
        v = advance(v, lr, curvature, sigma)
    return curvature * v / 2


@recomputes("q-sgd-sum")
def sum_of_draws(question):
    count, sd = 16, 2.0
    draws = sd * np.random.default_rng(0).normal(size=(200_000, count))
    right = sd / np.sqrt(count)
    assert draws.mean(1).std() == pytest.approx(right, rel=0.01)
    assert draws.sum(1).std() == pytest.approx(np.sqrt(count) * sd, rel=0.01)
    numbers_are(question, right, sd**2 / count, sd / count, np.sqrt(count) * sd, sd)
    says(question.options[0], f"{sd**2:.0f}/{count}")


@recomputes("q-sgd-unbiased")
def unbiased(question):
    orders = list(itertools.permutations((-1, 0, 1)))
    given = {first: np.mean([o[1] for o in orders if o[0] == first]) for first in (-1, 0, 1)}
    assert np.mean([o[1] for o in orders]) == 0
    right = {
        "independent draws, $\\mathbb E": True,
        "reshuffling the same": set(given.values()) == {0},
        "dealt without replacement": {sum(o) for o in orders} == {0},
        "$\\langle\\theta_t\\rangle$ is the point": abs(coin(0.9, 1.0)[0]) < 0.05,
        "At a minimum": False,
    }
    for label, expected in right.items():
        assert option(question, label).right == expected, label
    assert len(right) == len(question.options)


@recomputes("predict-sgd-floor")
def floor_or_wall(question):
    lr, low, high = 0.002, settled(0.002, 1.0), settled(0.002, 100.0)
    says(question, f"{high:.5f} and {low:.5f}", f"= {high / low:.2f}$")
    says(question, f"{np.sqrt(low / (high / 100)):.1f} times less far")
    assert high == pytest.approx(lr / (2 * (2 - 100 * lr)))
    assert "about the same" in [o.label for o in question.options]


@recomputes("q-sgd-halve")
def tenth(question):
    def hovers(batch):
        return settled(0.01, 1.0, sigma=1 / np.sqrt(batch))

    right = 80
    assert hovers(right) == pytest.approx(hovers(8) / 10)
    numbers_are(question, right, 8 * 10**2, 8 * np.sqrt(10), 8)
    assert hovers(8 * np.sqrt(10)) != pytest.approx(hovers(8) / 10, rel=0.1)


@recomputes("predict-sgd-between")
def between(question):
    """The data of the page: the flattest direction at d = n, and where the loss is."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 100)) / 10
    y = rows @ rng.normal(size=100) + 0.5 * rng.normal(size=100)
    flattest = np.linalg.eigvalsh(rows.T @ rows / 100)[0]
    power = int(np.floor(np.log10(flattest)))
    says(question, f"${flattest / 10**power:.0f}\\cdot10^{{{power}}}$")
    assert round(np.log(2) / (0.5 * flattest) / 1e6) == 9
    says(question, "nine million")
    best, theta = np.linalg.solve(rows, y), np.zeros((5, 100))
    pick = np.random.default_rng(1)
    for t in range(1, 20_001):
        chosen = rows[i := pick.integers(100, size=5)]
        error = np.sum(chosen * theta, axis=1) - y[i]
        theta = gradient_descent(theta, error[:, None] * chosen, t=t, lr=0.5)
    loss = np.mean(((theta - best) @ rows.T) ** 2) / 2
    says(question, f"Near {loss:.3f}")


def coin(p, lr, steps=20_000, runs=200):
    """Mean of theta minus the minimum, and its standard error, for a coin tossed once a step."""
    toss, start = np.random.default_rng(0).random, np.full(runs, np.log(p / (1 - p)))

    def slope(theta):
        return 1 / (1 + np.exp(-theta)) - (toss(runs) < p)

    mean = run(gradient_descent, slope, start, steps, lr=lr).theta[steps // 5 :].mean(0) - start
    return mean.mean(), mean.std() / np.sqrt(runs)


@recomputes("q-sgd-coin")
def another_coin(question):
    p, lr = 0.2, 0.5
    off, error = coin(p, lr)
    predicted = lr * (2 * p - 1) / 4
    assert off == pytest.approx(predicted, abs=4 * error + 0.02)
    assert off < -5 * error
    right = option(question, "Below")
    assert [o for o in question.options if o.right] == [right]
    says(right, f"{(2 * p - 1) / 4:.2f}")
    assert f"{np.log(p / (1 - p)):.3f}".replace("-", "−") in right.label
    assert f"= {np.log(p / (1 - p)):.3f}$" in " ".join(question.text)


@recomputes("q-sgd-trap")
def one_more_digit(question):
    v, c = 1.0, 0.25
    reached = {}
    for t in range(1, 100_001):
        v = advance(v, c / t)
        if t in (1000, 10_000, 100_000):
            reached[t] = v
    assert f"is {reached[1000]:.3f}" in " ".join(question.text)
    assert f"{reached[1000] / 10:.4f}" in " ".join(question.text)
    assert reached[100_000] == pytest.approx(reached[1000] / 10, rel=0.03)
    numbers_are(question, 100_000, 10_000, 2000, 1000 * 10**4)


@recomputes("q-sgd-knee")
def knee(question):
    low, examples, batch = 500, 100_000, 50
    sizes = np.array([1, 10, 100, 1000])
    found = experiments.module("batch_size").fit(sizes, low + examples / sizes)
    assert found[:2] == pytest.approx((low, examples))
    right = low + examples / batch
    numbers_are(question, right, examples / batch, 2 * low, low)
    says(question.options[0], f"knee is at $B = {examples / low:.0f}$")
    assert right / low == 5 and right * batch / examples == 1.25


def test_the_numbers_of_the_opening_are_those_of_the_record():
    table = experiments.load("batch_size")["summary"]["by_batch_size"]
    assert round(table["1"]["steps"], -1) == 2960
    assert re.fullmatch(r"26\.\d", str(table["1438"]["steps"]))


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
