"""Chapter 1, gradient descent: references, random cases and known mistakes."""

import math

import numpy as np

from optlib_checks.bowls import bowl
from optlib_checks.judge import Exercise, Mistake, choice, numbers

# f(x, y) = 0.1 x² + 2 y² has the Hessian diag(0.2, 4).
step_sizes = numbers(
    "step_sizes",
    {"limit": 2 / 4, "best": 2 / (0.2 + 4)},
    [
        (
            {"limit": 2 / 2, "best": 2 / (0.1 + 2)},
            "both take 0.1 and 2 for the curvatures. Those are the factors in front; the second "
            "derivatives are twice that, 0.2 and 4.",
        ),
        (
            {"limit": 2 / 2},
            "the curvature of 2y² is its second derivative, 4, not the factor 2 in front.",
        ),
        (
            {"best": 2 / (0.1 + 2)},
            "0.1 and 2 are the factors in front; the curvatures are twice that, 0.2 and 4.",
        ),
        (
            {"limit": 2 / 0.4},
            "2/0.4 takes the flat direction, and doubles its curvature 0.2 once more. The "
            "steepest direction sets the limit.",
        ),
        ({"limit": 2 / 0.2}, "the limit is set by the steepest direction, not by the flattest."),
        (
            {"limit": 1 / 4},
            "1/L is where the steep coordinate lands on 0 in one step. It still converges "
            "beyond: the factor 1 − ηL may be negative, as long as it stays above −1.",
        ),
        (
            {"best": 1 / 4},
            "1/L never overshoots, and so is not the best: let the steep coordinate overshoot "
            "until both coordinates shrink by the same factor.",
        ),
        (
            {"best": 1 / (0.2 + 4)},
            "the best step solves 1 − ηλ₁ = −(1 − ηλₙ). Count the ones again.",
        ),
        (
            {"best": 2 / 4},
            "at the limit the steep coordinate does not shrink at all. The best step is shorter.",
        ),
    ],
)

_RATE = 399 / 401  # (κ − 1)/(κ + 1) at κ = 400

steps_to_millionth = numbers(
    "steps_to_millionth",
    {"steps": math.ceil(math.log(1e6) / (-2 * math.log(_RATE)))},
    [
        (
            {"steps": math.log(1e6) / -math.log(_RATE)},
            "that many bring the distance down to a millionth. The loss is quadratic in the "
            "distance, so it shrinks by ρ² a step.",
        ),
        (
            {"steps": 6 / (-2 * math.log(_RATE))},
            "two kinds of logarithm are mixed: log10 of a million above, a natural one below.",
        ),
        (
            {"steps": math.log(1e6) / (-2 * math.log(1 - 1 / 400))},
            "ρ = 1 − 1/κ belongs to η = 1/L. The best η gives (κ − 1)/(κ + 1).",
        ),
        (
            {"steps": math.log(1e6) / -math.log(1 - 1 / 400)},
            "two slips: ρ = 1 − 1/κ belongs to η = 1/L, and the loss shrinks by ρ², not ρ.",
        ),
        (
            {"steps": math.log(1e6) / (-2 * math.log(19 / 21))},
            "(√κ − 1)/(√κ + 1) is the rate of momentum, two chapters on.",
        ),
        (
            {"steps": math.log(1e6) / (-2 * math.log(99 / 101))},
            "that is κ = 100, the ravine of the chapter. Here κ is 400.",
        ),
    ],
    rtol=0.0,
    atol=1.7,
)


def _gradient_descent(
    grad,
    x0,
    lr,
    steps,
    *,
    rows=slice(None),
    extra=0,
    at_start=False,
    sign=-1.0,
    unit=False,
    decay=False,
    average=False,
):
    x = [np.asarray(x0, dtype=float)]
    for k in range(steps + extra):
        g = np.asarray(grad(x[0] if at_start else x[-1]), dtype=float)
        g = g / np.linalg.norm(g) if unit else g
        x.append(x[-1] + sign * lr * g / (k + 1 if decay else 1))
    path = np.array(x)[rows]
    return (path.mean(axis=0) if average else path,)


_SHAPES = ((3,), (), (2, 3), (1,), (5,), (4, 1))


def _descent_cases(rng):
    for k in range(18):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "grad": bowl(rng, shape),
            "x0": rng.normal(size=shape) * 2,
            "lr": float(rng.uniform(0.02, 0.3)),
            "steps": int(rng.integers(3, 12)),
        }


gradient_descent = Exercise(
    name="gradient_descent",
    reads="function",
    returns=("path",),
    reference=_gradient_descent,
    cases=_descent_cases,
    corners=(
        (
            "steps = 0, where x0 alone comes back",
            {"grad": lambda x: 2 * x, "x0": np.array([1.0, -2.0]), "lr": 0.1, "steps": 0},
        ),
        (
            "an x0 of whole numbers, where the path must hold fractions all the same",
            {"grad": lambda x: 0.3 * x, "x0": np.array([3, -2]), "lr": 0.1, "steps": 2},
        ),
    ),
    mistakes=(
        Mistake({"rows": -1}, "you return the last point only; keep every point, x0 first."),
        Mistake({"rows": slice(1, None)}, "x0 is missing: the path starts before the first step."),
        Mistake(
            {"rows": slice(None, -1)},
            "the last step is missing: `steps` steps make steps + 1 points.",
        ),
        Mistake({"extra": 1}, "one step too many: steps + 1 points, and x0 is one of them."),
        Mistake(
            {"at_start": True},
            "the gradient is taken at x0 every time; take it where you are now.",
        ),
        Mistake({"sign": 1.0}, "you walk uphill: the step is minus lr times the gradient."),
        Mistake(
            {"unit": True},
            "you divide the gradient by its length; plain descent takes shorter steps where "
            "the slope is smaller.",
        ),
        Mistake({"decay": True}, "lr shrinks as you go; here it stays the same."),
        Mistake({"average": True}, "you return the mean of the points; return all of them."),
    ),
)

converging = choice(
    "converging",
    {
        "a": (True, "x²: every step multiplies x by 1 − 2η = 0.94, so it converges to 0."),
        "b": (
            False,
            "|x|: the slope is ±1 however near 0 you are, so every step is η long and x ends "
            "up hopping across 0. Convex is not enough.",
        ),
        "c": (
            False,
            "e^(−x): the loss tends to 0, but x wanders off for ever, like log k. There is no "
            "minimiser to converge to.",
        ),
        "d": (
            True,
            "x⁴: the steps get tiny but never stop; x shrinks like 1/√(8ηk). Slow is not stuck.",
        ),
        "e": (
            True,
            "log(1 + x²): not convex, and yet from 1 every step points at 0 and none "
            "overshoots. Convex is not necessary.",
        ),
    },
)


def _numerical_gradient(
    f, x, h, *, ahead=1.0, behind=1.0, width=2.0, together=False, kept=False, relative=False
):
    x = np.asarray(x, dtype=float)
    gradient = np.zeros_like(x)
    base = x.copy()
    for i in np.ndindex(x.shape):
        step = np.ones_like(x) if together else np.zeros_like(x)
        step[i] = 1.0
        step = step * h * (abs(x[i]) if relative else 1.0)
        rise = f(base + ahead * step) - f(base - behind * step)
        gradient[i] = rise / (width * step[i])
        if kept:
            base = base - behind * step
    return (gradient,)


def _smooth(rng, n):
    """A random function of n numbers whose third derivatives do not vanish."""
    matrix, shift = rng.normal(size=(n, n)) / math.sqrt(n), rng.normal(size=n)

    def f(x):
        z = matrix @ np.asarray(x, dtype=float) + shift
        return float(np.sum(np.exp(0.5 * z) + np.sin(z)))

    return f


def _difference_cases(rng):
    for _ in range(16):
        n = int(rng.integers(2, 6))
        yield {
            "f": _smooth(rng, n),
            "x": rng.normal(size=n),
            "h": float(10 ** rng.uniform(-2.5, -1)),
        }


numerical_gradient = Exercise(
    name="numerical_gradient",
    reads="function",
    returns=("gradient",),
    reference=_numerical_gradient,
    cases=_difference_cases,
    corners=(
        (
            "an x that holds a 0",
            {"f": lambda x: float(x[0] ** 3 + x[0] * x[1]), "x": np.array([0.0, 2.0]), "h": 0.01},
        ),
        ("an x of one number", {"f": lambda x: float(x[0] ** 3), "x": np.array([1.5]), "h": 0.1}),
    ),
    mistakes=(
        Mistake(
            {"behind": 0.0, "width": 1.0},
            "that is the forward difference, with an error of order h. Step back as well as "
            "ahead: the error falls to order h².",
        ),
        Mistake(
            {"ahead": 0.0, "width": 1.0},
            "that is the backward difference, with an error of order h. Step ahead as well.",
        ),
        Mistake({"width": 1.0}, "twice too large: the two points are 2h apart."),
        Mistake(
            {"ahead": 0.5, "behind": 0.5, "width": 1.0},
            "a central difference, but with h/2; take the points x + h and x − h.",
        ),
        Mistake({"behind": 0.0}, "half too small: a forward difference divided by 2h."),
        Mistake(
            {"together": True},
            "you move all coordinates at once. Move one and keep the others: a partial derivative.",
        ),
        Mistake(
            {"kept": True},
            "after one coordinate is done, put it back before you move the next.",
        ),
        Mistake(
            {"relative": True},
            "the step is h times |x|, which is 0 where x is 0. Here h is the step itself.",
        ),
    ),
    rtol=1e-8,
    atol=1e-10,
)


def _train(X, y, lr, steps, *, flip=False, total=False, keep=False, late=False, two=False):
    w = np.zeros(X.shape[1])
    gradient = np.zeros_like(w)
    losses = []
    for _ in range(steps):
        p = 1 / (1 + np.exp(X @ w if flip else -(X @ w)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        fresh = X.T @ (p - y) / (1 if total else len(y))
        gradient = gradient + fresh if keep else fresh
        w = w - lr * gradient * (2 if two else 1)
        if late:
            p = 1 / (1 + np.exp(-(X @ w)))
            loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        losses.append(loss)
    return w, np.array(losses)


def _training_cases(rng):
    for _ in range(12):
        n, d = int(rng.integers(6, 20)), int(rng.integers(2, 5))
        yield {
            "X": rng.normal(size=(n, d)),
            "y": (rng.random(n) < 0.5).astype(float),
            "lr": float(rng.uniform(0.02, 0.08)),
            "steps": int(rng.integers(3, 7)),
        }


train = Exercise(
    name="train",
    reads="function",
    returns=("w", "losses"),
    reference=_train,
    cases=_training_cases,
    mistakes=(
        Mistake(
            {"flip": True, "total": True, "keep": True},
            "the loop is as it was given, with three faults in it. Begin with the first loss "
            "that goes up.",
        ),
        Mistake(
            {"flip": True},
            "the probabilities are upside down: with a large X @ w the model should say 1.",
        ),
        Mistake(
            {"total": True},
            "the step grows with the number of rows: the loss is a mean, so its gradient is too.",
        ),
        Mistake(
            {"keep": True},
            "each step still carries the gradients of the steps before it. Momentum is "
            "chapter 3; here every step starts afresh.",
        ),
        Mistake({"late": True}, "w is right; record each loss before the step, not after it."),
        Mistake(
            {"two": True},
            "every step is twice too long: the log-loss has no square to differentiate.",
        ),
    ),
    slips=3,
)

EXERCISES = (
    step_sizes,
    steps_to_millionth,
    gradient_descent,
    converging,
    numerical_gradient,
    train,
)
