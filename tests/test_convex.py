"""The convex problems with a known minimum, and growing momentum with restarts."""

import numpy as np
import pytest

from optlib import convex, run
from optlib.rules import nesterov


def problems():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    y = (x[:, 0] + rng.standard_normal(40) > 0).astype(int)
    return {"chain": convex.chain(7), "logistic": convex.logistic(x, y, 1e-2)}


@pytest.mark.parametrize("name", problems())
def test_gradient_minimum_and_smoothness(name):
    problem = problems()[name]
    rng = np.random.default_rng(1)
    points = rng.standard_normal((20, problem.best.size))
    assert abs(problem.grad(problem.best)).max() < 1e-12
    assert (problem.loss(points) > problem.lowest).all()
    for theta, other in zip(points[:10], points[10:]):
        moved = np.eye(theta.size) * 1e-6
        numeric = (problem.loss(theta + moved) - problem.loss(theta - moved)) / 2e-6
        assert np.allclose(problem.grad(theta), numeric, atol=1e-8)
        change = np.linalg.norm(problem.grad(theta) - problem.grad(other))
        assert change <= problem.smoothness * np.linalg.norm(theta - other)


def test_the_chain_is_the_textbooks_quadratic():
    n, theta = 6, np.arange(6.0)
    matrix = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    assert convex.chain(n).loss(theta) == pytest.approx((theta @ matrix @ theta / 2 - theta[0]) / 4)
    path = run("gradient_descent", convex.chain(n).grad, np.zeros(n), 3, lr=1.0).theta
    assert np.count_nonzero(path[3]) == 3  # one link a step


def test_growing_momentum_is_the_rule_with_a_schedule():
    problem = convex.chain(9)
    path = run(nesterov, problem.grad, np.zeros(9), 50, lr=1.0, beta=convex.growing).theta
    losses, restarts = convex.accelerated(problem, 50)
    assert np.allclose(losses, problem.loss(path), rtol=0, atol=1e-14)
    assert restarts == []
    assert [convex.growing(t) for t in (1, 2, 3, 5)] == [0, 0, 0.25, 0.5]


@pytest.mark.parametrize("scheme", ["function", "gradient"])
@pytest.mark.parametrize("away", [0, 3])  # from zero, and from beyond the minimum towards zero
def test_a_restart_begins_again(scheme, away):
    problem = problems()["logistic"]
    begin = away * problem.best
    losses, restarts = convex.accelerated(problem, 300, restart=scheme, start=begin)
    plain, none = convex.accelerated(problem, 300, start=begin)
    assert none == []
    first, second = restarts[:2]
    assert np.array_equal(losses[: first + 1], plain[: first + 1])
    hyper = {"lr": 1 / problem.smoothness, "beta": convex.growing}
    path = run(nesterov, problem.grad, begin, first, **hyper).theta
    moves = np.diff(path, axis=0)
    ahead = [
        path[0],
        *(x + convex.growing(t) * m for t, x, m in zip(range(2, 999), path[1:], moves)),
    ]
    against = [problem.grad(y) @ move > 0 for y, move in zip(ahead, moves)]
    rose = np.diff(problem.loss(path)) > 0
    assert list(rose if scheme == "function" else against) == [False] * (first - 1) + [True]
    start = path[-1]
    again, _ = convex.accelerated(problem, second - first, start=start)
    assert np.allclose(losses[first : second + 1], again, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_expected_loss_is_the_sum_of_all_responses(name):
    """Noise in step s arrives at the end as the response to one unit in that step, squared."""
    curvatures, steps, hyper = (1.0, 7.0), 9, {"lr": 0.11, "beta": 0.6}
    start = noise = 0.0
    for c in curvatures:
        alone = run(name, lambda x, c=c: c * x, 1.0, steps, **hyper).theta[-1]
        start += alone**2 / len(curvatures)
        for struck in range(steps):
            kicks = iter(np.arange(steps) == struck)
            kicked = run(name, lambda x, c=c, k=kicks: c * x + next(k), 0.0, steps, **hyper)
            noise += c * kicked.theta[-1] ** 2 / 2
    found = convex.expected_loss(name, curvatures, steps, **hyper)
    assert np.allclose(found, (start, noise), rtol=1e-12)
    grid = convex.expected_loss(name, curvatures, steps, lr=[[0.1], [0.11]], beta=[0.3, 0.6, 0.9])
    assert grid[0].shape == (2, 3)
    assert np.allclose([part[1, 1] for part in grid], found)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="n must be a whole number, 1 or more, got 0"):
        convex.chain(0)
    with pytest.raises(ValueError, match="ridge must be a number above 0, got 0"):
        convex.logistic(np.ones((2, 1)), [0, 1], 0)
    with pytest.raises(ValueError, match="restart is 'often'; allowed: None, 'function'"):
        convex.accelerated(convex.chain(3), 5, restart="often")
