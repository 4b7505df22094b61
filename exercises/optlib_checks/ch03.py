"""Chapter 3, momentum: references, random cases and known mistakes."""

import numpy as np

from optlib_checks import mutants
from optlib_checks.bowls import bowl
from optlib_checks.judge import Exercise, Mistake, choice, numbers

# Curvatures from 4 to 100: the roots are 2 and 10, κ is 25.
best_momentum = numbers(
    "best_momentum",
    {"lr": (2 / (2 + 10)) ** 2, "beta": (4 / 6) ** 2, "rate": 4 / 6},
    [
        (
            {"lr": 2 / 104, "beta": 0.0, "rate": 96 / 104},
            "that is gradient descent at its best. With momentum √λ takes the place of λ.",
        ),
        ({"lr": 2 / 104}, "2/(λ₁ + λₙ) is best without momentum; here it is (2/(√λ₁ + √λₙ))²."),
        ({"lr": 2 / 12}, "the square is missing: η = (2/(√λ₁ + √λₙ))²."),
        (
            {"lr": 4 / 36},
            "4/(√κ + 1)² is that η in units of 1/λ₁, and λ₁ is 4 here.",
        ),
        ({"lr": 1 / 100}, "1/λₙ wastes most of what momentum allows: the limit is (2 + 2β)/λₙ."),
        ({"beta": 4 / 6}, "that is √β, the rate. β is its square."),
        (
            {"beta": 24 / 26},
            "κ in place of √κ: (κ − 1)/(κ + 1) is what gradient descent leaves of the error.",
        ),
        (
            {"beta": (24 / 26) ** 2},
            "κ in place of √κ: momentum takes the root of the condition number.",
        ),
        ({"rate": (4 / 6) ** 2}, "each step multiplies the error by √β; the loss goes with β."),
        ({"rate": 24 / 26}, "(κ − 1)/(κ + 1) is gradient descent. Momentum has √κ in its place."),
        ({"rate": 4 / 5}, "1 − 1/√κ is the rate of Nesterov's standard choice, a chapter on."),
    ],
)

steady = numbers(
    "steady",
    {"constant": 10.0, "alternating": 1 / 1.9, "averaged_lr": 0.5},
    [
        (
            {"constant": 1.0},
            "an average would leave 1 as it is. This u is a sum: its weights add up to 1/(1 − β).",
        ),
        (
            {"constant": 9.0},
            "nearly: the newest gradient counts too, with weight 1. Solve u = 0.9 u + 1.",
        ),
        (
            {"alternating": 0.0},
            "they do not cancel: the newest gradient always weighs more than the one before it. "
            "Solve −u = 0.9 u − 1.",
        ),
        ({"alternating": 10.0}, "that is for gradients of one sign."),
        (
            {"alternating": 0.1 / 1.9},
            "that is the averaged form, in which the gradient enters with 1 − β.",
        ),
        (
            {"alternating": 1.9},
            "upside down: u changes sign each time, so u = 1/(1 + β).",
        ),
        (
            {"averaged_lr": 0.005},
            "the wrong way: the average is ten times smaller than the sum, so it needs a longer "
            "step.",
        ),
        ({"averaged_lr": 0.05}, "the same η makes the averaged form ten times slower."),
        ({"averaged_lr": 0.05 / 0.9}, "divide by 1 − β = 0.1, not by β."),
    ],
)


def _heavy_ball(
    grad,
    x0,
    lrs,
    beta,
    *,
    rows=slice(None),
    inside=False,
    weight="one",
    late=False,
    ahead=False,
    frozen=False,
    sign=-1.0,
    swapped=False,
    forgets=False,
):
    x, u = np.asarray(x0, dtype=float), np.zeros(np.shape(x0))
    path = [x]
    for lr in lrs:
        g = np.asarray(grad(path[0] if frozen else x), dtype=float)
        old = np.zeros_like(u) if forgets else u
        keep = 1 - beta if swapped else beta
        g = g * {"one": 1.0, "damped": 1 - keep, "beta": keep}[weight]
        u = keep * old + (lr * g if inside else g)
        move = old if late else g + keep * u if ahead else u
        x = x + sign * (1.0 if inside else lr) * move
        path.append(x)
    return (np.array(path)[rows],)


_SHAPES = ((3,), (), (2, 3), (1,), (5,))


def _heavy_ball_cases(rng):
    for k in range(15):
        shape, steps = _SHAPES[k % len(_SHAPES)], int(rng.integers(6, 12))
        drop = int(rng.integers(2, steps - 2))
        yield {
            "grad": bowl(rng, shape),
            "x0": rng.normal(size=shape) * 2,
            "lrs": rng.uniform(0.02, 0.2) * np.where(np.arange(steps) < drop, 1.0, 0.1),
            "beta": float(rng.uniform(0.6, 0.9)),
        }


heavy_ball = Exercise(
    name="heavy_ball",
    reads="function",
    returns=("path",),
    reference=_heavy_ball,
    cases=_heavy_ball_cases,
    corners=(
        (
            "an empty lrs, where x0 alone comes back",
            {
                "grad": lambda x: 2 * x,
                "x0": np.array([1.0, -2.0]),
                "lrs": np.array([]),
                "beta": 0.9,
            },
        ),
        (
            "an x0 of whole numbers",
            {
                "grad": lambda x: 0.3 * x,
                "x0": np.array([3, -2]),
                "lrs": np.array([0.1, 0.1]),
                "beta": 0.5,
            },
        ),
        (
            "beta = 0, plain gradient descent",
            {
                "grad": lambda x: 0.3 * x,
                "x0": np.array([3.0]),
                "lrs": np.array([0.1, 0.2, 0.1]),
                "beta": 0.0,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"inside": True},
            "your u holds lr, the other convention: after the drop of lr it still carries the old "
            "long steps. Here u is a sum of gradients alone.",
        ),
        Mistake(
            {"weight": "damped"},
            "g enters u with weight 1 − β, the averaged form; here its weight is 1.",
        ),
        Mistake({"weight": "beta"}, "β multiplies the old u alone, not the new gradient."),
        Mistake({"late": True}, "the step uses the u of the step before; update u first."),
        Mistake(
            {"ahead": True},
            "g + βu as a step is Nesterov's, a chapter on; the heavy ball moves along u.",
        ),
        Mistake({"swapped": True}, "u keeps the share β; yours keeps 1 − β."),
        Mistake({"forgets": True}, "nothing is remembered: that is gradient descent."),
        Mistake(
            {"frozen": True},
            "the gradient is taken at x0 every time; take it where you are now.",
        ),
        Mistake({"sign": 1.0}, "you walk uphill: subtract lr · u."),
        Mistake({"rows": -1}, "you return the last point only; keep every point, x0 first."),
        Mistake({"rows": slice(1, None)}, "x0 is missing: the path starts before the first step."),
    ),
)

helps = choice(
    "helps",
    {
        "a": (True, "ηλ = 0.05: |1 − ηλ| = 0.95 is slower than √β = 0.9, so memory helps."),
        "b": (False, "ηλ = 0.15: without memory 0.85 is left of the error, less than √β = 0.9."),
        "c": (
            False,
            "ηλ = 1: without memory one step is enough. With it the error comes back and fades "
            "like 0.9 a step.",
        ),
        "d": (
            False,
            "ηλ = 1.85: it oscillates, and still |1 − ηλ| = 0.85 is less than 0.9. Oscillation "
            "alone is no reason for momentum.",
        ),
        "e": (True, "ηλ = 1.95: |1 − ηλ| = 0.95 is more than 0.9."),
        "f": (
            True,
            "ηλ = 2.5: gradient descent diverges; momentum is stable up to 2 + 2β = 3.62.",
        ),
    },
)


def _momentum(theta, g, u, lr, beta):
    u = beta * u + g
    return theta - lr * u, u


def _right_split(theta, g, u, lr, beta):
    return theta - lr * g - lr * beta * u, g + u * beta


def _right_moved(theta, g, u, lr, beta):
    u = u - (1 - beta) * u + g
    return theta + (-lr) * u, u


def _right_looped(theta, g, u, lr, beta):
    new = [_momentum(*map(float, x), lr, beta) for x in zip(*(np.ravel(a) for a in (theta, g, u)))]
    return tuple(np.reshape(column, np.shape(theta)) for column in zip(*new))


def _lr_inside(theta, g, u, lr, beta):
    u = beta * u + lr * g
    return theta - u, u


def _damped(theta, g, u, lr, beta):
    return _momentum(theta, (1 - beta) * g, u, lr, beta)


def _damped_after_the_first(theta, g, u, lr, beta):
    return _momentum(theta, (1 - beta) * g if np.any(u) else g, u, lr, beta)


def _short_step(theta, g, u, lr, beta):
    return _momentum(theta, g, u, lr, beta)[0] * beta + theta * (1 - beta), beta * u + g


def _old_velocity(theta, g, u, lr, beta):
    return theta - lr * u, beta * u + g


def _look_ahead(theta, g, u, lr, beta):
    u = beta * u + g
    return theta - lr * (g + beta * u), u


def _keeps_velocity(theta, g, u, lr, beta):
    return theta - lr * (beta * u + g), u


def _negative_velocity(theta, g, u, lr, beta):
    u = beta * u - g
    return theta + lr * u, u


def _stops_at_a_turn(theta, g, u, lr, beta):
    return _momentum(theta, g, np.where(u * g < 0, 0.0, u), lr, beta)


def _clipped(theta, g, u, lr, beta):
    return _momentum(theta, np.clip(g, -1.0, 1.0), u, lr, beta)


def _mean_gradient(theta, g, u, lr, beta):
    return _momentum(theta, np.mean(g) + 0 * g, u, lr, beta)


def _deaf(theta, g, u, lr, beta):
    return _momentum(theta, np.where(np.abs(g) < 0.01, 0.0, g), u, lr, beta)


_RIGHT = (_momentum, _right_split, _right_moved, _right_looped)
_WRONG = (
    (_lr_inside, "the place of lr"),
    (_damped, "the weight of g in u"),
    (_damped_after_the_first, "the weight of g in u, once u is not 0"),
    (_short_step, "the length of the step"),
    (_old_velocity, "which u the step uses"),
    (_look_ahead, "what the step is made of"),
    (_keeps_velocity, "what is returned for the next step"),
    (_negative_velocity, "the sign of u"),
    (_stops_at_a_turn, "a gradient against u"),
    (_clipped, "a large gradient"),
    (_deaf, "a small gradient"),
    (_mean_gradient, "coordinates that differ"),
)


def _implementation(function, slip):
    """One momentum like any other from outside; ``slip`` is the class of its mistake."""

    def momentum(theta, g, u, lr=0.01, beta=0.9):
        arrays = (np.array(x, dtype=float) for x in (theta, g, u))
        return tuple(np.asarray(x, dtype=float) for x in function(*arrays, lr, beta))

    momentum.slip = slip
    return momentum


def _implementations(rng):
    made = [_implementation(function, None) for function in _RIGHT]
    made += [_implementation(function, slip) for function, slip in _WRONG]
    for k in rng.permutation(len(made)):
        yield {"momentum": made[k]}


test_momentum = Exercise(
    name="test_momentum",
    reads="tests",
    returns=("accepted",),
    reference=lambda momentum: (np.array(float(momentum.slip is None)),),
    cases=_implementations,
    verdict=mutants.verdict("momentum rule", [slip for _, slip in _WRONG]),
)


def _unknown_momentum(
    g,
    lr,
    *,
    beta=0.8,
    inside=False,
    damped=True,
    first_whole=True,
    ahead=False,
    corrected=False,
    copied=False,
):
    """torch.optim.SGD with dampening = momentum: the first gradient enters u whole."""
    if copied:
        return (momentum_record()[2],)
    theta, u, path = 0.0, 0.0, []
    for t in range(1, len(g) + 1):
        whole = not damped or (first_whole and t == 1)
        fresh = g[t - 1] * (1.0 if whole else 1 - beta)
        u = beta * u + fresh * (lr[t - 1] if inside else 1.0)
        move = fresh * (lr[t - 1] if inside else 1.0) + beta * u if ahead else u
        move = move / (1 - beta**t) if corrected else move
        theta = theta - move * (1.0 if inside else lr[t - 1])
        path.append(theta)
    return (np.array(path),)


def momentum_record():
    """Forty gradients, the learning rates and the θ that an unknown momentum made of them.

    Returns three float64 arrays of shape (40,): g, lr and θ after each step, from θ = 0.
    """
    rng = np.random.default_rng(3)
    g = np.concatenate([[1.0], np.zeros(9), 1.0 + rng.normal(size=30)])
    lr = np.where(np.arange(40) < 25, 0.1, 0.01)
    return g, lr, _unknown_momentum(g, lr)[0]


def _hidden_paths(rng):
    for _ in range(8):
        n = int(rng.integers(15, 25))
        drop = int(rng.integers(4, n - 3))
        yield {
            "g": rng.normal(size=n) + rng.normal(),
            "lr": float(rng.uniform(0.05, 0.2)) * np.where(np.arange(n) < drop, 1.0, 0.1),
        }


which_momentum = Exercise(
    name="which_momentum",
    reads="function",
    returns=("path",),
    reference=_unknown_momentum,
    cases=_hidden_paths,
    mistakes=(
        Mistake(
            {"damped": False},
            "that is the sum. Compare steps 11 to 25: every gradient counts for less than yours.",
        ),
        Mistake(
            {"first_whole": False},
            "that is the average from the first step on. The recorded first step is lr · g.",
        ),
        Mistake(
            {"inside": True},
            "at step 26 lr falls tenfold. Do the recorded steps fall at once, or fade?",
        ),
        Mistake(
            {"ahead": True},
            "you look ahead, as Nesterov does: that makes the first step lr · (1 + β) · g. The "
            "recorded one is shorter.",
        ),
        Mistake(
            {"first_whole": False, "corrected": True},
            "you correct the bias, which also makes the first step lr · g. But in the silence of "
            "steps 2 to 10 the recorded steps shrink by the same factor each time.",
        ),
        Mistake({"beta": 0.0}, "that is gradient descent: the record goes on moving at g = 0."),
        Mistake({"beta": 0.9}, "β is 0.8 here: see how the steps shrink while g is 0."),
        Mistake(
            {"copied": True},
            "that is the recorded path, for whatever gradients. Compute θ from g and lr.",
        ),
    ),
)

EXERCISES = (
    best_momentum,
    steady,
    heavy_ball,
    helps,
    test_momentum,
    which_momentum,
)
