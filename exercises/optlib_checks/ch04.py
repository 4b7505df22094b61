"""Chapter 4, Nesterov: references, random cases and known mistakes."""

import numpy as np

from optlib_checks.bowls import bowl
from optlib_checks.judge import Exercise, Mistake, not_yet, numbers, passed

# Curvature 50, β = 0.8.
nesterov_limit = numbers(
    "nesterov_limit",
    {"nesterov_lr": 3.6 / 2.6 / 50, "heavy_ball_lr": 3.6 / 50, "forgets_lr": 1 / 50},
    [
        (
            {"nesterov_lr": 3.6 / 2.6, "heavy_ball_lr": 3.6, "forgets_lr": 1.0},
            "those are limits of ηλ. λ is 50: divide.",
        ),
        (
            {"nesterov_lr": 3.6 / 50, "heavy_ball_lr": 3.6 / 2.6 / 50},
            "the other way round: it is Nesterov's method that bears the shorter step.",
        ),
        ({"nesterov_lr": 2 / 50}, "2/λ is gradient descent's. Nesterov's limit is below it."),
        (
            {"nesterov_lr": 3.6 / 50},
            "that is the heavy ball's. Looking ahead multiplies the momentum term by 1 − ηλ as "
            "well.",
        ),
        (
            {"nesterov_lr": 2 / 2.6 / 50},
            "above the line stands 2 + 2β: put −1 into the characteristic polynomial.",
        ),
        (
            {"nesterov_lr": 4 / 3 / 50},
            "4/(3λ) is the limit for β → 1. Here β is 0.8.",
        ),
        ({"heavy_ball_lr": 2 / 50}, "2/λ is gradient descent's; memory raises it to 2(1 + β)/λ."),
        (
            {"heavy_ball_lr": 2 / 0.2 / 50},
            "2/(1 − β) would mean that a faster ball bears a longer step by as much. The limit is "
            "2(1 + β)/λ.",
        ),
        (
            {"forgets_lr": 0.2 / 50},
            "1 − ηλ is to be 0, so that neither the error nor the momentum survives; β drops out.",
        ),
    ],
)


def _nesterov(
    theta,
    g,
    u,
    lr,
    beta,
    *,
    weight=1.0,
    plain=False,
    twice=False,
    alone=False,
    inside=False,
    back="u",
    sign=-1.0,
    order=(0, 1),
):
    old = u
    damped = 1 - beta if weight is None else weight
    u = beta * u + damped * (lr if inside else 1.0) * g
    fresh = (lr if inside else 1.0) * g
    move = u if plain else fresh + beta * u
    move = u + beta * u if twice else move
    move = beta * u if alone else move
    theta = theta + sign * (1.0 if inside else lr) * move
    found = (theta, {"u": u, "old": old, "move": move}[back])
    return tuple(found[k] for k in order)


_SHAPES = ((4,), (), (2, 3), (1,), (7,), (3, 1))


def _nesterov_cases(rng):
    for k in range(18):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "theta": rng.normal(size=shape),
            "g": rng.normal(size=shape),
            "u": rng.normal(size=shape),
            "lr": float(10 ** rng.uniform(-2, -0.5)),
            "beta": float(rng.uniform(0.6, 0.9)),
        }


nesterov = Exercise(
    name="nesterov",
    reads="function",
    returns=("theta", "u"),
    reference=_nesterov,
    cases=_nesterov_cases,
    corners=(
        (
            "beta = 0, plain gradient descent",
            {
                "theta": np.array([1.0, -2.0]),
                "g": np.array([0.5, 1.0]),
                "u": np.zeros(2),
                "lr": 0.1,
                "beta": 0.0,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"plain": True},
            "that is the heavy ball. Nesterov's step is g + βu with the new u; with the old u it "
            "is the heavy ball's.",
        ),
        Mistake(
            {"twice": True},
            "you step by u + βu, in which g counts 1 + β times and the old u with it; "
            "the step is g + βu.",
        ),
        Mistake({"alone": True}, "the step is g + βu; the g in front is missing."),
        Mistake({"weight": None}, "g enters u with weight 1 here, not 1 − β."),
        Mistake({"inside": True}, "your u holds lr; here u is a sum of gradients alone."),
        Mistake({"back": "old"}, "return the new u, or the next step remembers nothing of g."),
        Mistake(
            {"back": "move"},
            "return u itself; g + βu is for this step only, or the next one counts g twice.",
        ),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake({"order": (1, 0)}, "return theta first, then u."),
    ),
)


def _uncover(
    path,
    lr,
    beta,
    *,
    stored=False,
    sign=1.0,
    share=True,
    scaled=True,
    heavy=False,
    late=False,
    drift=False,
    undo=True,
):
    """The textbook's points from the stored ones: x = θ + η β u, with u read off the moves."""
    path = np.asarray(path, dtype=float)
    if stored:
        return (path,)
    u, found = np.zeros(path.shape[1:]), [path[0]]
    for before, after in zip(path[:-1], path[1:]):
        move = (before - after) / lr
        old = u
        if heavy:
            u = move
        elif drift:
            u = move / (1 + beta)
        else:
            u = (move + beta * u) / (1 + beta if undo else 1)
        shift = (lr if scaled else 1.0) * (beta if share else 1.0) * (old if late else u)
        found.append(after + sign * shift)
    return (np.array(found),)


def _stored_path(rng, steps, shape):
    """Nesterov's stored points on a random bowl, from rest."""
    grad, theta = bowl(rng, shape), rng.normal(size=shape) * 2
    lr, beta = float(rng.uniform(0.02, 0.2)), float(rng.uniform(0.5, 0.9))
    u, path = np.zeros(shape), [theta]
    for _ in range(steps):
        theta, u = _nesterov(theta, grad(theta), u, lr, beta)
        path.append(theta)
    return {"path": np.array(path), "lr": lr, "beta": beta}


def _stored_paths(rng):
    for k in range(12):
        yield _stored_path(rng, int(rng.integers(4, 10)), ((2,), (3,), (1,))[k % 3])


uncover = Exercise(
    name="uncover",
    reads="function",
    returns=("points",),
    reference=_uncover,
    cases=_stored_paths,
    corners=(
        (
            "a path of the start alone",
            {"path": np.array([[1.0, 2.0]]), "lr": 0.1, "beta": 0.9},
        ),
    ),
    mistakes=(
        Mistake(
            {"stored": True},
            "you return what is stored. After the first step it lies ηβu further on than x.",
        ),
        Mistake(
            {"sign": -1.0},
            "the wrong way: θ lies ahead of x, down the slope, so go back by ηβu.",
        ),
        Mistake({"share": False}, "the lead is ηβu, not ηu."),
        Mistake({"scaled": False}, "the lead is ηβu; η is missing."),
        Mistake(
            {"heavy": True},
            "you read u off the moves as if each were ηu. Here each is η(g + βu), and "
            "g = u − β·(old u).",
        ),
        Mistake(
            {"drift": True},
            "the old u is missing: a move is η((1 + β)u − β·(old u)).",
        ),
        Mistake(
            {"undo": False},
            "divide by 1 + β: a move is η((1 + β)u − β·(old u)).",
        ),
        Mistake(
            {"late": True},
            "one step late: the point after step k leads by the u of step k, not of step k − 1.",
        ),
    ),
    rtol=1e-8,
    atol=1e-10,
)


def _restarted(
    grad,
    x0,
    lr,
    steps,
    *,
    test="right",
    reset=True,
    ahead=True,
    jump=True,
    early=0,
    ends=False,
):
    x = y = np.asarray(x0, dtype=float)
    k, path = 0, [x]
    for _ in range(steps):
        g = np.asarray(grad(y if ahead else x), dtype=float)
        new = (y if jump else x) - lr * g
        turned = np.sum(g * ((y if test == "reach" else new) - x))
        if {"reversed": turned < 0, "never": False}.get(test, turned > 0):
            k = 0 if reset else k
            y = new
            if ends:
                path.append(new)
                path += [new] * (steps + 1 - len(path))
                break
        else:
            k = k + 1
            y = new + (k - early) / (k + 3 - early) * (new - x)
        x = new
        path.append(x)
    return (np.array(path),)


def _valley(rng, n):
    """The gradient of a long quadratic bowl, and its steepest curvature."""
    root = np.linalg.qr(rng.normal(size=(n, n)))[0]
    curvatures = 10 ** np.linspace(-2, 0, n)
    matrix, target = root @ np.diag(curvatures) @ root.T, rng.normal(size=n)

    def grad(x):
        x = np.asarray(x, dtype=float)
        if x.shape != (n,):
            raise ValueError(f"grad takes an array of shape {(n,)}, not {x.shape}")
        return matrix @ (x - target)

    return grad


def _restart_case(rng):
    n = int(rng.integers(2, 5))
    return {
        "grad": _valley(rng, n),
        "x0": rng.normal(size=n) * 3,
        "lr": float(rng.uniform(0.6, 0.95)),
        "steps": int(rng.integers(35, 50)),
    }


def _restart_cases(rng):
    """Cases in which it matters which step is tested: often both tests restart at once."""
    for _ in range(8):
        case = _restart_case(rng)
        while np.allclose(
            _restarted(*case.values())[0], _restarted(*case.values(), test="reach")[0]
        ):
            case = _restart_case(rng)
        yield case


restarted = Exercise(
    name="restarted",
    reads="function",
    returns=("path",),
    reference=_restarted,
    cases=_restart_cases,
    mistakes=(
        Mistake(
            {"test": "reach", "reset": False, "ahead": False},
            "the loop is as it was given, with three faults in it. Begin with where the gradient "
            "is taken.",
        ),
        Mistake(
            {"ahead": False},
            "the gradient is taken at x; Nesterov asks for it at y, the point ahead.",
        ),
        Mistake(
            {"test": "reversed"},
            "you restart when the step goes down, which is always, and so it is gradient descent. "
            "Uphill is g · (new − x) > 0.",
        ),
        Mistake(
            {"test": "reach"},
            "the test is about the step that was taken, new − x. y − x is only the part of it "
            "that memory adds.",
        ),
        Mistake(
            {"reset": False},
            "y is set back and k is not: the momentum is back at full strength one step later.",
        ),
        Mistake({"test": "never"}, "it never restarts."),
        Mistake(
            {"jump": False},
            "the step starts at y, where its gradient was taken, not at x.",
        ),
        Mistake({"early": 1}, "k counts the steps since the restart; your share is a step behind."),
        Mistake({"ends": True}, "a restart is not the end: go on from there without momentum."),
    ),
)

KAPPA = 1000
LONGEST = 400  # steps in a race
CAP = 2.0  # of the loss at the start
TARGET = 1e-6
FULL_MARKS = 165  # steps
NESTEROV = 287  # steps of its standard choice, which earns nothing
_LEAST = 121  # the least degree of a polynomial that does it: Chebyshev's
# so many bowls, crowded at both ends, that what holds on them holds for all between 1 and κ
CURVATURES = (KAPPA + 1) / 2 - (KAPPA - 1) / 2 * np.cos(np.linspace(0, np.pi, 1001))


def run_race(rows):
    """The largest loss among the bowls ½λx², as a share of its start, after each step.

    rows: (lr, beta, gamma) for each step; d is the last move, at first 0:
    x' = x + beta d − lr λ (x + gamma d).
    """
    x, d = np.ones_like(CURVATURES), np.zeros_like(CURVATURES)
    worst = []
    with np.errstate(all="ignore"):
        for lr, beta, gamma in rows:
            d = beta * d - lr * CURVATURES * (x + gamma * d)
            x = x + d
            worst.append(np.max(x**2))
    return np.array(worst)


def _judge_race(exercise, answers):
    ((_, (rows,)),) = answers
    if rows.ndim != 2 or rows.shape[1] != 3:
        return not_yet(exercise, f"rows of (lr, beta, gamma), please; yours has {rows.shape}.")
    if not 1 <= len(rows) <= LONGEST:
        return not_yet(exercise, f"1 to {LONGEST} rows; yours are {len(rows)}.")
    if not np.isfinite(rows).all():
        return not_yet(exercise, "nan and inf are no step sizes.")
    worst = run_race(rows)
    there = np.flatnonzero(worst <= TARGET)
    steps = int(there[0]) + 1 if there.size else len(rows)
    over = np.flatnonzero(~(worst[:steps] <= CAP))
    if over.size:
        return not_yet(exercise, _disqualified(worst, int(over[0])))
    if not there.size:
        return not_yet(
            exercise,
            f"{len(rows)} steps, and the slowest bowl still has {worst[-1]:.1e} of its loss. "
            + _slow_hint(len(rows), rows[:, 1].max()),
        )
    if steps <= FULL_MARKS:
        return passed(exercise, f"{steps} steps. {_praise(steps)}")
    return not_yet(
        exercise,
        f"{steps} steps, the loss never above {max(1.0, worst[:steps].max()):.2f} of its start. "
        + _race_hint(steps),
        max(0.0, (NESTEROV - steps) / (NESTEROV - FULL_MARKS)),
    )


def _disqualified(worst, first):
    height = worst[first]
    size = f"{height:.1f} times" if height < 1e6 else "more than a million times"
    said = f"disqualified: after step {first + 1} a bowl holds {size} its loss at the start. "
    if first == 0:
        return said + (
            "From rest there is no memory yet, and a step above 2/λ is too long. Begin with 1/κ "
            "and let lr and beta grow together."
        )
    return said + "Raise beta more slowly, or take shorter steps as long as beta is small."


def _slow_hint(count, beta):
    if count < _LEAST:
        return f"No rows at all can do it in fewer than {_LEAST} steps."
    if beta < 0.5:
        return "Without memory it takes about 3,500 steps; raise beta."
    return (
        "With too little memory the flat bowls crawl, with too much they swing to and fro, and "
        "with each restart they begin anew."
    )


def _race_hint(steps):
    if steps > 260:
        return (
            "That is Nesterov's league. Its look-ahead pays for safety with speed at the end: what "
            "does the heavy ball of Chapter 3 need so as not to jump at the start?"
        )
    if steps > 205:
        return "Better than Nesterov's standard choice. Now let lr grow as well as beta."
    return (
        "As fast as the tuned heavy ball, without its peak. Let lr and beta reach their best "
        "values within some ten steps."
    )


def _praise(steps):
    if steps <= _LEAST:
        return "That is Chebyshev's sequence, and no rows can do better: can you say why?"
    return f"Chebyshev's polynomials do it in {_LEAST}, and nothing does it in fewer."


capped_race = Exercise(
    name="capped_race",
    reads="array",
    returns=("rows",),
    reference=lambda: (np.zeros((0, 3)),),
    verdict=_judge_race,
)

EXERCISES = (
    nesterov_limit,
    nesterov,
    uncover,
    restarted,
    capped_race,
)
