"""Convex problems whose minimum is known, Nesterov's growing momentum, exact losses under noise.

problem = chain(1000)
losses, restarts = accelerated(problem, steps=400)
losses - problem.lowest
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .rule import by_name
from .rules import nesterov


@dataclass(frozen=True)
class Problem:
    """A convex function of n numbers.

    loss : array (..., n) -> (...). grad : (n,) -> (n,). best : its minimiser, (n,).
    smoothness : L, no curvature is larger.
    """

    loss: Callable
    grad: Callable
    best: np.ndarray
    smoothness: float

    @property
    def lowest(self):
        """The smallest value of the loss."""
        return self.loss(self.best)


def chain(n):
    """A chain of n links with L = 1, the worst function of Nesterov 2004, section 2.1.2.

    (theta' A theta / 2 - theta_1) / 4 with A tridiagonal, 2 on the diagonal and -1 beside it. From
    0, a method that adds up gradients has moved at most k links after k steps.
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n must be a whole number, 1 or more, got {n!r}")

    def loss(theta):
        wide = np.pad(theta, [(0, 0)] * (np.ndim(theta) - 1) + [(1, 1)])
        return (np.diff(wide) ** 2).sum(-1) / 8 - np.asarray(theta)[..., 0] / 4

    def grad(theta):
        wide = np.pad(theta, 1)
        wide[0] = 1  # the end that is held at 1; the other is held at 0
        return (2 * theta - wide[:-2] - wide[2:]) / 4

    return Problem(loss, grad, 1 - np.arange(1, n + 1) / (n + 1), 1.0)


def logistic(x, y, ridge):
    """Logistic regression with a ridge: mean log(1 + exp(-s x'w)) + ridge/2 |w|^2, s = 2y - 1.

    x : (examples, features), y : (examples,) of 0 and 1. ridge : above 0, so that there is one
    minimum; it is found by Newton's method. L is the largest eigenvalue of x'x / 4n, plus ridge.
    """
    if not ridge > 0:
        raise ValueError(f"ridge must be a number above 0, got {ridge!r}")
    signed = (2 * np.asarray(y) - 1)[:, None] * x
    count, size = signed.shape

    def loss(w):
        return np.logaddexp(0, -w @ signed.T).mean(-1) + ridge / 2 * (w**2).sum(-1)

    def grad(w):
        return -signed.T @ (1 / (1 + np.exp(signed @ w))) / count + ridge * w

    best = np.zeros(size)
    for _ in range(100):
        p = 1 / (1 + np.exp(signed @ best))
        hessian = (signed.T * (p - p**2)) @ signed / count + ridge * np.eye(size)
        move = np.linalg.solve(hessian, grad(best))
        best = best - move
        if abs(move).max() < 1e-13:
            break
    smoothness = float(np.linalg.eigvalsh(signed.T @ signed / (4 * count))[-1]) + ridge
    return Problem(loss, grad, best, smoothness)


def growing(t):
    """Nesterov's momentum at step t = 1, 2, ... where curvatures may be zero: (t - 2) / (t + 1).

    Source: Nesterov 1983 in the form of Su, Boyd & Candes 2016, counted from the first step.
    """
    return max(t - 2, 0) / (t + 1)


def accelerated(problem, steps, *, restart=None, start=None):
    """Growing momentum with step size 1 / L -> (losses, (steps + 1,); the steps after a restart).

    restart : None, "function" (when a step raised the loss) or "gradient" (when a step went against
        the gradient): the velocity is dropped and t begins again at 1. start : default zero.
    Source of the two schemes: O'Donoghue & Candes 2015.
    """
    if restart not in (None, "function", "gradient"):
        raise ValueError(f"restart is {restart!r}; allowed: None, 'function', 'gradient'")
    theta = 0 * problem.best if start is None else np.asarray(start, dtype=float)
    u, t, losses, restarts = 0 * theta, 0, [problem.loss(theta)], []
    for k in range(1, steps + 1):
        t += 1
        hyper = {"lr": 1 / problem.smoothness, "beta": growing(t)}
        g = problem.grad(nesterov.point(theta, (u,), t, hyper))
        new, u = nesterov(theta, g, u, t=t, **hyper)
        losses.append(problem.loss(new))
        uphill = {"function": losses[-1] > losses[-2], "gradient": g @ (new - theta) > 0}
        if restart and uphill[restart]:
            t = 0  # the momentum of the next step is 0, and that drops the velocity
            restarts.append(k)
        theta = new
    return np.array(losses), restarts


def expected_loss(rule, curvatures, steps, *, lr, beta=0.0):
    """Mean loss of a momentum rule on a noisy quadratic, exactly -> (of the start, of the noise).

    curvatures : (n,). lr, beta : arrays that broadcast, their shape is that of both answers. Every
    direction starts at rest with the loss 1/n, so that they begin with 1 in all. With noise of
    variance s^2 on each gradient component the mean loss after ``steps`` is first + s^2 * second.
    """
    import sympy as sp

    from . import symbolic

    rule = by_name(rule)
    names = [symbolic.symbol(name) for name in ("lr", "beta", "curvature")]
    entries = sp.lambdify(names, list(symbolic.iteration_matrix(rule)))
    c = np.asarray(curvatures, dtype=float)
    lr, beta = np.broadcast_arrays(np.asarray(lr, dtype=float), np.asarray(beta, dtype=float))
    c = c.reshape(-1, *[1] * lr.ndim)
    shape = (len(c), *lr.shape)
    a, b, d, e = (np.broadcast_to(x, shape) for x in entries(lr, beta, c))
    # One step on E[theta^2], E[theta u], E[u^2]; a unit of noise moves theta by -lr and u by 1.
    lift = np.array(
        [[a * a, 2 * a * b, b * b], [a * d, a * e + b * d, b * e], [d * d, 2 * d * e, e * e]]
    )
    push = np.stack(np.broadcast_arrays(lr**2, -lr, 1.0))[:, None]
    moments = np.zeros((3, 2, *shape))
    moments[0, 0] = 2 / (c * len(c))
    for _ in range(steps):
        moments = np.einsum("ij...,jk...->ik...", lift, moments)
        moments[:, 1] += push
    return tuple((c * moments[0] / 2).sum(1))
