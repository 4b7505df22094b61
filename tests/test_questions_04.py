"""The questions of Chapter 4, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
import torch
from test_questions import chapter_questions, numbers_are, option, says

from optlib import convex, rules, run, symbolic

CHAPTER = chapter_questions("04_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


@recomputes("q-nag-stored")
def stored(question):
    p = torch.nn.Parameter(torch.ones((), dtype=torch.float64))
    p.grad = torch.tensor(2.0, dtype=torch.float64)
    torch.optim.SGD([p], lr=0.1, momentum=0.9, nesterov=True).step()
    ahead = run("nesterov", lambda x: 2 + 0 * x, 1.0, 1, lr=0.1, beta=0.9).theta[-1]
    averaged = 1 - 0.1 * (1 - 0.9) * 2
    numbers = {f"{p.item():.3g}": True, f"{ahead:.3g}": False}
    numbers |= {f"{1 - 0.1 * 0.9 * 2:.3g}": False, f"{averaged:.3g}": False}
    assert {o.label: o.right for o in question.options} == numbers


def three_parabolas(x):
    return np.where(x < 1, 25 * x, np.where(x < 2, x + 24, 25 * x - 24))


@recomputes("predict-nag-cycle")
def cycle(question):
    path = run("momentum", three_parabolas, 3.3, 1000, lr=1 / 9, beta=4 / 9).theta
    last = [f"{x:.3f}".replace("-", "−") for x in path[-3:]]
    start = last.index("−1.802")
    says(question, "{}, {} and {}".format(*(last[(start + i) % 3] for i in range(3))))
    rate = max(symbolic.spectral_radius("momentum", c, lr=1 / 9, beta=4 / 9) for c in (1, 25))
    assert rate == pytest.approx(2 / 3, rel=1e-6)
    assert "$2/3$ a step" in " ".join(question.text)


@recomputes("predict-nag-exponent")
def exponent(question):
    s = (np.arange(2000) + 0.5) / 2000  # curvature s², loss spread evenly over the curvatures

    def loss(rule, steps, **hyper):
        path = run(rule, lambda x: s**2 * x, np.ones(2000), steps, lr=1.0, **hyper).theta
        return (s / s.sum() * path**2).sum(1)

    fast, k = loss("nesterov", 400, beta=convex.growing), np.arange(20, 401)
    slope = np.polyfit(np.log(k), np.log(fast[k]), 1)[0]
    says(question, f"{slope:.2f}".replace("-", "−"))
    slow = loss("gradient_descent", 1500)
    says(question, f"{np.flatnonzero(slow <= fast[100])[0]:,} of gradient descent's")


@recomputes("q-nag-exponent")
def how_many_steps(question):
    share = 10_000**-0.5
    numbers_are(question, 1 / share, 10_000 / 2, share**-0.5)


@recomputes("q-nag-restart")
def every_step(question):
    problem = convex.chain(6)
    theta, path = np.zeros(6), [np.zeros(6)]
    for _ in range(12):
        hyper = {"lr": 1.0, "beta": convex.growing(1)}
        g = problem.grad(rules.nesterov.point(theta, (0 * theta,), 1, hyper))
        theta, _ = rules.nesterov(theta, g, 0 * theta, t=1, **hyper)
        path.append(theta)

    def same(rule, **hyper):
        other = run(rule, problem.grad, np.zeros(6), 12, lr=1.0, **hyper).theta
        return np.allclose(other, path)

    assert option(question, "Gradient descent").right == same("gradient_descent")
    assert option(question, "heavy ball").right == same("momentum", beta=0.9)
    assert option(question, "Nesterov with").right == same("nesterov", beta=0.5)
    assert option(question, "stands still").right == np.allclose(path, 0)


@recomputes("q-nag-small")
def small(question):
    lr, curvature, beta = 1e-4, 50, 0.9
    right = option(question, "Next to nothing")
    assert [o for o in question.options if o.right] == [right]
    says(right, f"{lr * curvature:g}", f"{beta * (1 - lr * curvature):.4f}")
    limit = float(symbolic.stability_limit("nesterov").subs(symbolic.symbol("beta"), beta))
    says(option(question, "diverge"), f"{limit:.3f}", f"{round(limit / (lr * curvature), -1):.0f}")
    factors = [
        symbolic.spectral_radius(name, curvature, lr=lr, beta=beta)
        for name in ("nesterov", "momentum")
    ]
    assert factors[0] == pytest.approx(factors[1], rel=0.003)


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
