"""Chapter 6, RMSProp: references, random cases and known mistakes."""

import math

import numpy as np

from optlib_checks.bowls import bowl
from optlib_checks.judge import Exercise, Mistake, not_yet, numbers, passed

# β = 0.99.
forgetting = numbers(
    "forgetting",
    {"half_life": math.log(0.5) / math.log(0.99), "mean_age": 99.0, "first_step": 10.0},
    [
        (
            {"half_life": math.log(0.5) / math.log(0.9)},
            "that is the half-life at β = 0.9. Here β is 0.99.",
        ),
        (
            {"half_life": 100.0},
            "after 1/(1 − β) steps a weight has fallen to 1/e, not to a half.",
        ),
        ({"half_life": 1 / 0.99}, "1/β is hardly more than one step. Solve βᵏ = ½."),
        (
            {"half_life": 50.0},
            "½/(1 − β) takes the weights to fall along a line; they fall by a factor each step.",
        ),
        (
            {"half_life": math.log10(0.5) / math.log(0.99)},
            "two kinds of logarithm are mixed: log10 of a half above, a natural one below.",
        ),
        (
            {"mean_age": 100.0},
            "one too many: the newest gradient has age 0, so the mean is β/(1 − β).",
        ),
        (
            {"mean_age": math.log(0.5) / math.log(0.99)},
            "that is the half-life again; old gradients pull the mean beyond it.",
        ),
        ({"mean_age": 50.0}, "old gradients have a long tail of weights: Σ k (1 − β) βᵏ."),
        (
            {"first_step": 1.0},
            "it would be 1 if v were g². It starts at 0 and has come to (1 − β)g².",
        ),
        ({"first_step": 100.0}, "the root is missing: 1/√(1 − β)."),
        ({"first_step": 0.1}, "upside down: v is too small at first, so the step is too long."),
    ],
    rtol=4e-3,
)


def _rmsprop(
    theta,
    g,
    v,
    lr,
    beta,
    eps,
    *,
    place="outside",
    fresh=True,
    square=True,
    root=True,
    weight="damped",
    swapped=False,
    unit=False,
    sign=-1.0,
    back=True,
    order=(0, 1),
):
    with np.errstate(all="ignore"):
        old = v
        keep = 1 - beta if swapped else beta
        squares = g**2 if square else np.abs(g)
        v = (1.0 if weight == "sum" else keep) * v
        v = v + (1 - keep if weight == "damped" else 1.0) * squares
        used = v if fresh else old
        below = np.sqrt(used + (eps if place == "inside" else 0)) if root else used
        below = below + (eps if place == "outside" else 0)
        theta = theta + sign * lr * (1.0 if unit else g) / below
        theta = theta + (eps if place == "parenthesis" else 0)
    found = (theta, v if back else old)
    return tuple(found[k] for k in order)


_SHAPES = ((4,), (), (2, 3), (1,), (7,), (3, 1))


def _rmsprop_cases(rng):
    for k in range(18):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "theta": rng.normal(size=shape),
            "g": rng.normal(size=shape),
            "v": rng.random(size=shape),
            "lr": float(10 ** rng.uniform(-2, -0.5)),
            "beta": float(rng.uniform(0.6, 0.95)),
            "eps": float(10 ** rng.uniform(-2, -0.5)),
        }


rmsprop = Exercise(
    name="rmsprop",
    reads="function",
    returns=("theta", "v"),
    reference=_rmsprop,
    cases=_rmsprop_cases,
    corners=(
        (
            "a gradient that has always been 0",
            {
                "theta": np.array([1.0, -2.0]),
                "g": np.array([0.0, 1.0]),
                "v": np.array([0.0, 3.0]),
                "lr": 0.1,
                "beta": 0.9,
                "eps": 1e-8,
            },
        ),
        (
            "beta = 0, sign descent",
            {
                "theta": np.array([1.0, -2.0]),
                "g": np.array([5.0, -0.3]),
                "v": np.array([2.0, 3.0]),
                "lr": 0.1,
                "beta": 0.0,
                "eps": 1e-8,
            },
        ),
    ),
    mistakes=(
        Mistake({"weight": "sum"}, "your v forgets nothing, which is AdaGrad: it fades by β."),
        Mistake(
            {"weight": "one"},
            "g² enters v with weight 1; it should be 1 − β, so that v is an average.",
        ),
        Mistake({"swapped": True}, "v keeps the share β and takes 1 − β of g²; yours is reversed."),
        Mistake({"place": "inside"}, "ε stands inside the root; here it is added to √v."),
        Mistake({"place": "none"}, "ε is not used: add it to √v."),
        Mistake(
            {"place": "parenthesis"},
            "a parenthesis is missing: g / √v + ε adds ε to θ. Write g / (√v + ε).",
        ),
        Mistake({"fresh": False}, "the step uses the v of the step before; update v first."),
        Mistake({"square": False}, "v averages |g|; it should average g²."),
        Mistake({"root": False}, "you divide by v; divide by its root."),
        Mistake({"unit": True}, "g is missing above the line: the step is η g / (√v + ε)."),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake({"back": False}, "return the new v, or the next step remembers nothing of g."),
        Mistake({"order": (1, 0)}, "return theta first, then v."),
    ),
)

# Curvatures 1 and 100, η = 0.4: in the end both coordinates hop between ±η/2.
cycle = numbers(
    "cycle",
    {"flat": 0.2, "steep": 0.2, "loss": (1 + 100) * 0.2**2 / 2},
    [
        (
            {"flat": 0.0, "steep": 0.0, "loss": 0.0},
            "it does not come to rest: every step stays η long, however small the gradient.",
        ),
        (
            {"flat": 0.4, "steep": 0.4, "loss": (1 + 100) * 0.4**2 / 2},
            "η is the whole step, from one side to the other. Each side is half as far from 0.",
        ),
        ({"flat": 0.4, "steep": 0.4}, "0.4 is the hop from one side to the other; 0 is half-way."),
        (
            {"steep": 0.002},
            "the curvature drops out: √v is as large as the gradient, in either coordinate.",
        ),
        (
            {"steep": 0.02},
            "neither λ nor √λ stays: g/√v is ±1 in either coordinate.",
        ),
        ({"flat": 0.0, "steep": 0.0}, "a step is η g/√v, and √v shrinks with g: it stays η long."),
        ({"loss": (1 + 100) * 0.2**2}, "the half of ½λx² is missing."),
        (
            {"loss": 2 * 0.2**2 / 2},
            "the curvatures are missing: the step forgets them, the loss does not.",
        ),
        ({"loss": 0.0}, "the iterates never reach 0, so the loss does not either."),
        (
            {"loss": (1 + 100) * 0.4**2 / 2},
            "take the distance from 0, not from one side to the other.",
        ),
    ],
)


def _centered_run(
    grad,
    x0,
    lr,
    beta,
    eps,
    steps,
    *,
    under="minus",
    along="g",
    late=False,
    weight=True,
    inside=False,
    rows=slice(None),
):
    x = np.asarray(x0, dtype=float)
    m, v, path = np.zeros_like(x), np.zeros_like(x), [x]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            g = np.asarray(grad(x), dtype=float)
            old = m
            m = beta * m + (1 - beta if weight else 1.0) * g
            v = beta * v + (1 - beta) * g**2
            used = old if late else m
            center = {"minus": used**2, "plus": -(used**2), "none": 0.0, "plain": used}[under]
            below = np.sqrt(v - center + (eps if inside else 0.0)) + (0.0 if inside else eps)
            x = x - lr * (used if along == "m" else g) / below
            path.append(x)
    return (np.array(path)[rows],)


def _centered_cases(rng):
    for k in range(12):
        shape = ((3,), (), (2, 3), (1,))[k % 4]
        yield {
            "grad": bowl(rng, shape),
            "x0": rng.normal(size=shape) * 2,
            "lr": float(rng.uniform(0.02, 0.1)),
            "beta": float(rng.uniform(0.7, 0.95)),
            "eps": float(rng.uniform(0.05, 0.3)),
            "steps": int(rng.integers(4, 10)),
        }


centered_run = Exercise(
    name="centered_run",
    reads="function",
    returns=("path",),
    reference=_centered_run,
    cases=_centered_cases,
    corners=(
        (
            "steps = 0, where x0 alone comes back",
            {
                "grad": lambda x: 2 * x,
                "x0": np.array([1.0, -2.0]),
                "lr": 0.1,
                "beta": 0.9,
                "eps": 0.1,
                "steps": 0,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"under": "plus", "along": "m", "late": True},
            "the loop is as it was given, with three faults in it. Begin with what the root is to "
            "hold.",
        ),
        Mistake({"under": "plus"}, "m² is added; the variance is v − m²."),
        Mistake(
            {"under": "plain"},
            "m is subtracted and not its square: units do not fit, and the root may be nan.",
        ),
        Mistake({"under": "none"}, "that is plain RMSProp; m² is missing under the root."),
        Mistake(
            {"along": "m"},
            "you move along m. It is there for the root alone; the step takes g.",
        ),
        Mistake(
            {"late": True},
            "m is updated after the step. v has seen the new gradient already, so m must too.",
        ),
        Mistake(
            {"late": True, "along": "m"},
            "m belongs into the root alone, and updated before the step; you also move along it.",
        ),
        Mistake({"weight": False}, "g enters m with weight 1; it should be 1 − β."),
        Mistake({"inside": True}, "ε stands inside the root; here it is added to it."),
        Mistake({"rows": -1}, "you return the last point only; keep every point, x0 first."),
    ),
)

LONGEST = 20  # gradients in a period
MARGIN = 0.01  # of the sum of sizes, by which a period must point down
FULL_RISE = 0.12  # η a step


def rise_over_lr(period):
    """How far RMSProp climbs a step, in units of η, on gradients that repeat for ever.

    β = 0.9, ε = 0, once v has become periodic too.
    """
    beta = 0.9
    g = np.asarray(period, dtype=float)
    g = g / np.max(np.abs(g))  # the step does not change, and no square over- or underflows
    count = len(g)
    ages = np.subtract.outer(np.arange(count), np.arange(count)) % count
    v = (1 - beta) / (1 - beta**count) * beta**ages @ g**2
    return float(-np.mean(g / np.sqrt(v)))


def _judge_wrong_way(exercise, answers):
    ((_, (period,)),) = answers
    if period.ndim != 1 or not 2 <= period.size <= LONGEST:
        return not_yet(exercise, f"2 to {LONGEST} gradients in one row; yours has {period.shape}.")
    if not np.isfinite(period).all():
        return not_yet(exercise, "nan and inf are no gradients.")
    largest = np.max(np.abs(period))
    if largest == 0:
        return not_yet(exercise, "without a gradient there is no step.")
    scaled = period / largest
    share = np.sum(scaled) / np.sum(np.abs(scaled))
    if not share >= MARGIN * (1 - 1e-9):
        return not_yet(
            exercise,
            f"your gradients add up to {share:.3f} of their sizes; {MARGIN:g} is asked, or going "
            "up would be no mistake.",
        )
    rise = rise_over_lr(period)
    if rise >= FULL_RISE:
        return passed(exercise, f"up by {rise:.3f} η a step, where gradient descent goes down.")
    direction = f"up by {rise:.3f} η a step. " if rise > 0 else f"down by {-rise:.3f} η a step. "
    return not_yet(exercise, direction + _way_hint(scaled, rise), max(0.0, rise / FULL_RISE))


def _way_hint(period, rise):
    down, up = period[period > 0], period[period < 0]
    if up.size == 0:
        return "All gradients say down. Some must say up, by less in all."
    if rise <= 0 and down.size >= up.size:
        return (
            "RMSProp nearly takes a vote, one step for each gradient, whatever its size. Let many "
            "small ones outvote a few large."
        )
    if rise <= 0 or period.size < LONGEST:
        return "The right kind. One large gradient against many small ones: how many may there be?"
    if up.size and np.ptp(up) < 1e-9:
        return (
            "One spike against equal small ones. Just after the spike √v is large and the small "
            "ones do little: when should they come, and in which order of size?"
        )
    return "Close. Let the small ones wait until the spike has faded from v, and then grow."


wrong_way = Exercise(
    name="wrong_way",
    reads="array",
    returns=("period",),
    reference=lambda: (np.array([]),),
    verdict=_judge_wrong_way,
)

STEPS = 300
CLOSE = 1e-4


def _bowls():
    """Curvatures from 1 to 1000 and starts up to 2 away from 0, the corners among them."""
    rng = np.random.default_rng(6)
    curvature = 10 ** rng.uniform(0, 3, size=64)
    start = rng.choice([-1.0, 1.0], size=64) * rng.uniform(0.5, 2, size=64)
    curvature[:2], start[:2] = (1, 1000), 2
    return curvature, start


def landing_error(rates):
    """The largest |x| that RMSProp leaves on 64 bowls; β = 0.9, ε = 1e-8.

    rates: the step size of each step.
    """
    curvature, x = _bowls()
    v = np.zeros_like(x)
    with np.errstate(all="ignore"):
        for lr in rates:
            g = curvature * x
            v = 0.9 * v + 0.1 * g**2
            x = x - lr * g / (np.sqrt(v) + 1e-8)
    return float(np.max(np.abs(x)))


def _times(rng):
    for t in rng.permutation(STEPS) + 1:
        yield {"t": int(t)}


def _judge_landing(exercise, answers):
    rates = {case["t"]: lr for case, (lr,) in answers}
    rates = np.array([float(rates[t]) for t in sorted(rates)])
    if not np.isfinite(rates).all() or (rates < 0).any():
        return not_yet(exercise, "a step size is a number, finite and not negative.")
    error = landing_error(rates)
    if error <= CLOSE:
        return passed(exercise, f"all 64 bowls within {error:.1e} of 0 after {STEPS} steps")
    if not np.isfinite(error):
        return not_yet(exercise, "the steps are so long that x overflows.")
    # a constant step leaves a hundredth at best, and earns nothing
    score = min(1.0, max(0.0, math.log10(error / 0.01) / math.log10(CLOSE / 0.01)))
    return not_yet(
        exercise, f"the last bowl is {error:.1g} from 0. {_landing_hint(rates, error)}", score
    )


def _landing_hint(rates, error):
    if np.ptp(rates) == 0:
        return "A constant step ends in a cycle of half its length, or does not arrive at all."
    if error > 0.03 and rates.sum() < 6 and rates[-1] < 0.02:
        return (
            f"It has not arrived: some starts are 2 away, and your steps add up to "
            f"{rates.sum():.2g}. Hold them longer before they fall."
        )
    if rates[-1] > 3e-4:
        return "It hops across 0 by about its last steps: let them fall further by the end."
    return "The steps end short enough, but they fall too fast just before: let them fall evenly."


landing = Exercise(
    name="landing",
    reads="function",
    returns=("lr",),
    reference=lambda t: (np.array(0.0),),
    cases=_times,
    verdict=_judge_landing,
    shape=(),
)

EXERCISES = (
    forgetting,
    rmsprop,
    cycle,
    centered_run,
    wrong_way,
    landing,
)
